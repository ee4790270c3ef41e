-- Requests for approval: the tables of migrations/postgres/0005_approvals.sql, which says what they are for.

CREATE TABLE approval_requests (
    id                  TEXT PRIMARY KEY NOT NULL,
    workspace_id        TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    task_id             TEXT,
    action              TEXT NOT NULL,
    reason              TEXT,
    context             TEXT NOT NULL DEFAULT '{}',
    status              TEXT NOT NULL DEFAULT 'pending'
                            CHECK (status IN ('pending', 'approved', 'denied', 'escalated')),
    decided_by          TEXT,
    decided_at          TEXT,
    created_at          TEXT NOT NULL,
    requested_by        TEXT NOT NULL,
    expires_at          TEXT NOT NULL,
    approvals_required  INTEGER NOT NULL DEFAULT 1 CHECK (approvals_required BETWEEN 1 AND 5),
    approvals           INTEGER NOT NULL DEFAULT 0,
    decided_by_identity TEXT
) STRICT;
CREATE INDEX approval_requests_workspace ON approval_requests (workspace_id, created_at DESC, id DESC);
CREATE INDEX approval_requests_newest ON approval_requests (created_at DESC, id DESC);
CREATE INDEX approval_requests_pending ON approval_requests (expires_at) WHERE status = 'pending';

CREATE TABLE approval_decisions (
    approval_id         TEXT NOT NULL REFERENCES approval_requests (id) ON DELETE CASCADE,
    identity            TEXT NOT NULL,
    decision            TEXT NOT NULL CHECK (decision IN ('approved', 'denied')),
    decided_by          TEXT NOT NULL,
    decided_at          TEXT NOT NULL,
    PRIMARY KEY (approval_id, identity, decision)
) STRICT;
