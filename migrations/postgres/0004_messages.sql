-- Mailboxes (contract 09 §6, `a2a_queue`). Columns under "ours" are not in the contract. `json`, not `jsonb`: an
-- agent gets the very bytes that its sender sent.
CREATE TABLE a2a_queue (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    caller_id       uuid,
    priority        smallint NOT NULL DEFAULT 50,
    body            json NOT NULL,
    method          text,
    idempotency_key text,
    enqueued_at     timestamptz NOT NULL DEFAULT now(),
    dispatched_at   timestamptz,
    completed_at    timestamptz,
    expires_at      timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    status          text NOT NULL DEFAULT 'queued' CHECK (status IN
                        ('queued', 'dispatched', 'completed', 'dropped', 'failed', 'expired')),
    last_error      text,
    -- ours
    seq             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    not_before      timestamptz,
    lease_id        uuid,
    lease_until     timestamptz,
    collected       boolean NOT NULL DEFAULT false,
    response        json,
    headers         json,
    origin          text NOT NULL DEFAULT 'sender' CHECK (origin IN ('sender', 'delegation'))
) WITH (fillfactor = 80);
CREATE INDEX a2a_queue_due ON a2a_queue (workspace_id, priority DESC, seq) WHERE status = 'queued';
CREATE INDEX a2a_queue_expires ON a2a_queue (expires_at) WHERE status = 'queued';
CREATE INDEX a2a_queue_leases ON a2a_queue (lease_until) WHERE status = 'dispatched';
CREATE INDEX a2a_queue_lease ON a2a_queue (lease_id) WHERE status = 'dispatched';
CREATE INDEX a2a_queue_ended ON a2a_queue (updated_at)
    WHERE status IN ('completed', 'dropped', 'failed', 'expired');
CREATE INDEX a2a_queue_to ON a2a_queue (workspace_id, seq);
CREATE INDEX a2a_queue_from ON a2a_queue (caller_id, seq) WHERE caller_id IS NOT NULL;
-- A delivered message is not delivered again because its sender did not hear of it: wider than the contract's.
CREATE UNIQUE INDEX a2a_queue_once ON a2a_queue (workspace_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND status IN ('queued', 'dispatched', 'completed');
