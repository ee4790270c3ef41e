-- Mailboxes (contract 09 §6, `a2a_queue`). Columns under "ours" are not in the contract.
CREATE TABLE a2a_queue (
    -- ours: the order of arrival, and the row's key.
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    caller_id       TEXT,
    priority        INTEGER NOT NULL DEFAULT 50,
    body            TEXT NOT NULL,
    method          TEXT,
    idempotency_key TEXT,
    enqueued_at     TEXT NOT NULL,
    dispatched_at   TEXT,
    completed_at    TEXT,
    expires_at      TEXT,
    attempts        INTEGER NOT NULL DEFAULT 0,
    status          TEXT NOT NULL DEFAULT 'queued' CHECK (status IN
                        ('queued', 'dispatched', 'completed', 'dropped', 'failed', 'expired')),
    last_error      TEXT,
    -- ours
    updated_at      TEXT NOT NULL,
    not_before      TEXT,
    lease_id        TEXT,
    lease_until     TEXT,
    collected       INTEGER NOT NULL DEFAULT 0,
    response        TEXT,
    headers         TEXT,
    origin          TEXT NOT NULL DEFAULT 'sender' CHECK (origin IN ('sender', 'delegation'))
) STRICT;
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
