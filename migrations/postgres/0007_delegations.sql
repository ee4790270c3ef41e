-- Tasks that one workspace gives to another: a table of ours. The contract keeps them in `activity_logs`, where
-- they would go with their partition.
CREATE TABLE delegations (
    id              uuid PRIMARY KEY,
    result_id       uuid NOT NULL,
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    delegation_id   text NOT NULL,
    target_id       uuid NOT NULL,
    task            text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('delegated', 'recorded')),
    status          text NOT NULL
                        CHECK (status IN ('pending', 'dispatched', 'queued', 'completed', 'failed')),
    error           text,
    result          text,
    was_queued      boolean NOT NULL DEFAULT false,
    idempotency_key text,
    created_at      timestamptz NOT NULL,
    result_at       timestamptz,
    updated_at      timestamptz NOT NULL,
    UNIQUE (workspace_id, delegation_id)
);
CREATE UNIQUE INDEX delegations_once ON delegations (workspace_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND status <> 'failed';
CREATE INDEX delegations_created ON delegations (workspace_id, created_at);
CREATE INDEX delegations_result ON delegations (workspace_id, result_at) WHERE result_at IS NOT NULL;
CREATE INDEX delegations_open ON delegations (id)
    WHERE kind = 'delegated' AND status IN ('pending', 'dispatched', 'queued');
CREATE INDEX delegations_ended ON delegations (updated_at) WHERE status IN ('completed', 'failed');
