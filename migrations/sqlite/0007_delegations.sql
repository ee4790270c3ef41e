-- Tasks that one workspace gives to another: a table of ours. The contract keeps them in `activity_logs`, where
-- they would go with their partition.
CREATE TABLE delegations (
    id              TEXT PRIMARY KEY NOT NULL,
    result_id       TEXT NOT NULL,
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    delegation_id   TEXT NOT NULL,
    target_id       TEXT NOT NULL,
    task            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('delegated', 'recorded')),
    status          TEXT NOT NULL
                        CHECK (status IN ('pending', 'dispatched', 'queued', 'completed', 'failed')),
    error           TEXT,
    result          TEXT,
    was_queued      INTEGER NOT NULL DEFAULT 0,
    idempotency_key text,
    created_at      TEXT NOT NULL,
    result_at       TEXT,
    updated_at      TEXT NOT NULL,
    UNIQUE (workspace_id, delegation_id)
) STRICT;
CREATE UNIQUE INDEX delegations_once ON delegations (workspace_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND status <> 'failed';
CREATE INDEX delegations_created ON delegations (workspace_id, created_at);
CREATE INDEX delegations_result ON delegations (workspace_id, result_at) WHERE result_at IS NOT NULL;
CREATE INDEX delegations_open ON delegations (id)
    WHERE kind = 'delegated' AND status IN ('pending', 'dispatched', 'queued');
CREATE INDEX delegations_ended ON delegations (updated_at) WHERE status IN ('completed', 'failed');
