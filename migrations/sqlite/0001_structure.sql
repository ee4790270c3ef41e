-- The tables of contract 09 §2-4 that exist so far. Ids are lower-case hyphenated text, times are
-- RFC 3339 text with six digits of fraction so that they sort, JSON is text, hashes are blobs.
-- Columns under "ours" are not in the contract.

CREATE TABLE workspaces (
    id                      TEXT PRIMARY KEY NOT NULL,
    name                    TEXT NOT NULL,
    role                    TEXT,
    tier                    INTEGER DEFAULT 1,
    status                  TEXT NOT NULL DEFAULT 'provisioning' CHECK (status IN (
                                'provisioning', 'awaiting_agent', 'online', 'degraded', 'offline',
                                'failed', 'paused', 'hibernating', 'hibernated', 'removed')),
    source_bundle_id        TEXT,
    agent_card              TEXT,
    url                     TEXT,
    parent_id               TEXT REFERENCES workspaces (id) CHECK (parent_id <> id),
    forwarded_to            TEXT REFERENCES workspaces (id),
    last_heartbeat_at       TEXT,
    last_error_rate         REAL DEFAULT 0,
    last_sample_error       TEXT,
    active_tasks            INTEGER DEFAULT 0,
    uptime_seconds          INTEGER DEFAULT 0,
    current_task            TEXT,
    awareness_namespace     TEXT,
    runtime                 TEXT DEFAULT 'langgraph',
    workspace_dir           TEXT,
    workspace_access        TEXT NOT NULL DEFAULT 'none'
                                CHECK (workspace_access IN ('none', 'read_only', 'read_write')),
    budget_limit            INTEGER,
    monthly_spend           INTEGER NOT NULL DEFAULT 0,
    hibernation_idle_minutes INTEGER,
    last_outbound_at        TEXT,
    max_concurrent_tasks    INTEGER NOT NULL DEFAULT 1,
    instance_id             TEXT,
    created_at              TEXT NOT NULL,
    updated_at              TEXT NOT NULL,
    -- ours
    runtime_state           TEXT,
    runtime_metadata        TEXT,
    version                 INTEGER NOT NULL DEFAULT 0,
    chain_hash              BLOB NOT NULL
) STRICT;
CREATE INDEX workspaces_parent_id ON workspaces (parent_id);
CREATE INDEX workspaces_status ON workspaces (status);
CREATE INDEX workspaces_hibernation ON workspaces (hibernation_idle_minutes)
    WHERE hibernation_idle_minutes IS NOT NULL;
CREATE INDEX workspaces_instance_id ON workspaces (instance_id) WHERE instance_id IS NOT NULL;

CREATE TABLE agents (
    id              TEXT PRIMARY KEY NOT NULL,
    workspace_id    TEXT REFERENCES workspaces (id),
    model           TEXT,
    status          TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'replaced', 'removed')),
    removed_at      TEXT,
    removal_reason  TEXT,
    created_at      TEXT NOT NULL
) STRICT;
CREATE INDEX agents_workspace_id ON agents (workspace_id);
-- ours: the database itself keeps at most one active agent per workspace.
CREATE UNIQUE INDEX agents_one_active ON agents (workspace_id) WHERE status = 'active';

CREATE TABLE structure_events (
    id              TEXT PRIMARY KEY NOT NULL,
    event_type      TEXT NOT NULL,
    workspace_id    TEXT,
    agent_id        TEXT,
    target_id       TEXT,
    payload         TEXT,
    created_at      TEXT NOT NULL,
    -- ours
    seq             INTEGER NOT NULL UNIQUE,
    version         INTEGER NOT NULL,
    change          TEXT NOT NULL,
    prev_hash       BLOB NOT NULL,
    hash            BLOB NOT NULL,
    UNIQUE (workspace_id, version)
) STRICT;
CREATE INDEX structure_events_created_at ON structure_events (created_at);

CREATE TRIGGER structure_events_no_update BEFORE UPDATE ON structure_events
BEGIN SELECT RAISE(ABORT, 'structure_events is append-only'); END;
CREATE TRIGGER structure_events_no_delete BEFORE DELETE ON structure_events
BEGIN SELECT RAISE(ABORT, 'structure_events is append-only'); END;

-- ours: the last sequence given, one row.
CREATE TABLE event_clock (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    last_seq    INTEGER NOT NULL
) STRICT;
INSERT INTO event_clock (only_row, last_seq) VALUES (1, 0);

CREATE TABLE canvas_layouts (
    workspace_id    TEXT PRIMARY KEY NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    x               REAL NOT NULL DEFAULT 0,
    y               REAL NOT NULL DEFAULT 0,
    collapsed       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE canvas_viewport (
    id          TEXT PRIMARY KEY NOT NULL,
    x           REAL NOT NULL DEFAULT 0,
    y           REAL NOT NULL DEFAULT 0,
    zoom        REAL NOT NULL DEFAULT 1,
    saved_at    TEXT NOT NULL
) STRICT;

CREATE TABLE workspace_config (
    workspace_id    TEXT PRIMARY KEY NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    data            TEXT NOT NULL DEFAULT '{}',
    updated_at      TEXT NOT NULL
) STRICT;

CREATE TABLE workspace_secrets (
    id                  TEXT PRIMARY KEY NOT NULL,
    workspace_id        TEXT REFERENCES workspaces (id),
    key                 TEXT NOT NULL,
    encrypted_value     BLOB NOT NULL,
    encryption_version  INTEGER NOT NULL DEFAULT 0,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    UNIQUE (workspace_id, key)
) STRICT;

CREATE TABLE global_secrets (
    id                  TEXT PRIMARY KEY NOT NULL,
    key                 TEXT NOT NULL UNIQUE,
    encrypted_value     BLOB NOT NULL,
    encryption_version  INTEGER NOT NULL DEFAULT 0,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL
) STRICT;

CREATE TABLE workspace_auth_tokens (
    id              TEXT PRIMARY KEY NOT NULL,
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    token_hash      BLOB NOT NULL UNIQUE,
    prefix          TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    last_used_at    TEXT,
    revoked_at      TEXT
) STRICT;
CREATE INDEX workspace_auth_tokens_live ON workspace_auth_tokens (workspace_id)
    WHERE revoked_at IS NULL;
-- ours: tokens are read by change every two seconds, and counted also when revoked.
CREATE INDEX workspace_auth_tokens_workspace ON workspace_auth_tokens (workspace_id);
CREATE INDEX workspace_auth_tokens_created ON workspace_auth_tokens (created_at);
CREATE INDEX workspace_auth_tokens_revoked ON workspace_auth_tokens (revoked_at)
    WHERE revoked_at IS NOT NULL;

CREATE TABLE org_api_tokens (
    id              TEXT PRIMARY KEY NOT NULL,
    token_hash      BLOB NOT NULL UNIQUE,
    prefix          TEXT NOT NULL,
    name            TEXT,
    created_by      TEXT,
    created_at      TEXT NOT NULL,
    last_used_at    TEXT,
    revoked_at      TEXT,
    org_id          TEXT REFERENCES workspaces (id) ON DELETE SET NULL,
    -- ours
    scope           TEXT NOT NULL DEFAULT 'admin' CHECK (scope IN ('admin', 'join'))
) STRICT;
CREATE INDEX org_api_tokens_org_id ON org_api_tokens (org_id) WHERE org_id IS NOT NULL;
