-- Requests for approval (contract 09 §6) and what was said to them. An older server on the same database
-- knows nothing of them: a purge of its own takes them along by the foreign key.

CREATE TABLE approval_requests (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id        uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    task_id             text,
    action              text NOT NULL,
    reason              text,
    context             jsonb NOT NULL DEFAULT '{}',
    status              text NOT NULL DEFAULT 'pending'
                            CHECK (status IN ('pending', 'approved', 'denied', 'escalated')),
    decided_by          text,
    decided_at          timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    -- ours
    requested_by        text NOT NULL,
    expires_at          timestamptz NOT NULL,
    approvals_required  integer NOT NULL DEFAULT 1 CHECK (approvals_required BETWEEN 1 AND 5),
    approvals           integer NOT NULL DEFAULT 0,
    decided_by_identity text
);
CREATE INDEX approval_requests_workspace ON approval_requests (workspace_id, created_at DESC, id DESC);
CREATE INDEX approval_requests_newest ON approval_requests (created_at DESC, id DESC);
CREATE INDEX approval_requests_pending ON approval_requests (expires_at) WHERE status = 'pending';

-- Ours: who said what. One identity approves a request at most once.
CREATE TABLE approval_decisions (
    approval_id         uuid NOT NULL REFERENCES approval_requests (id) ON DELETE CASCADE,
    identity            text NOT NULL,
    decision            text NOT NULL CHECK (decision IN ('approved', 'denied')),
    decided_by          text NOT NULL,
    decided_at          timestamptz NOT NULL,
    PRIMARY KEY (approval_id, identity, decision)
);
