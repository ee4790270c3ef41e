-- The tables of contract 09 §2-4 that exist so far. What is marked "ours" is not in the contract.

CREATE TYPE workspace_status AS ENUM (
    'provisioning', 'awaiting_agent', 'online', 'degraded', 'offline', 'failed', 'paused',
    'hibernating', 'hibernated', 'removed');

-- Every beat updates rows in place (HOT): room in each page, and no index on a heartbeat column.
CREATE TABLE workspaces (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name                    text NOT NULL,
    role                    text,
    tier                    integer DEFAULT 1,
    status                  workspace_status NOT NULL DEFAULT 'provisioning',
    source_bundle_id        text,
    agent_card              jsonb,
    url                     text,
    parent_id               uuid REFERENCES workspaces (id),
    forwarded_to            uuid REFERENCES workspaces (id),
    last_heartbeat_at       timestamptz,
    last_error_rate         double precision DEFAULT 0,
    last_sample_error       text,
    active_tasks            integer DEFAULT 0,
    uptime_seconds          integer DEFAULT 0,
    current_task            text,
    awareness_namespace     text,
    runtime                 text DEFAULT 'langgraph',
    workspace_dir           text,
    workspace_access        varchar(20) NOT NULL DEFAULT 'none'
                                CHECK (workspace_access IN ('none', 'read_only', 'read_write')),
    budget_limit            bigint,
    monthly_spend           bigint NOT NULL DEFAULT 0,
    hibernation_idle_minutes integer,
    last_outbound_at        timestamptz,
    max_concurrent_tasks    integer NOT NULL DEFAULT 1,
    instance_id             text,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    -- ours
    runtime_state           text,
    runtime_metadata        jsonb,
    version                 bigint NOT NULL DEFAULT 0,
    chain_hash              bytea NOT NULL,
    CONSTRAINT workspaces_not_own_parent CHECK (parent_id <> id)
) WITH (fillfactor = 70);
CREATE INDEX workspaces_parent_id ON workspaces (parent_id);
CREATE INDEX workspaces_status ON workspaces (status);
CREATE INDEX workspaces_hibernation ON workspaces (hibernation_idle_minutes)
    WHERE hibernation_idle_minutes IS NOT NULL;
CREATE INDEX workspaces_instance_id ON workspaces (instance_id) WHERE instance_id IS NOT NULL;

CREATE TABLE agents (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id    uuid REFERENCES workspaces (id),
    model           text,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'replaced', 'removed')),
    removed_at      timestamptz,
    removal_reason  text,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agents_workspace_id ON agents (workspace_id);
-- ours: the database itself keeps at most one active agent per workspace.
CREATE UNIQUE INDEX agents_one_active ON agents (workspace_id) WHERE status = 'active';

CREATE TABLE structure_events (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_type      text NOT NULL,
    workspace_id    uuid,
    agent_id        uuid,
    target_id       uuid,
    payload         jsonb,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- ours
    seq             bigint NOT NULL UNIQUE,
    version         bigint NOT NULL,
    change          jsonb NOT NULL,
    prev_hash       bytea NOT NULL,
    hash            bytea NOT NULL,
    UNIQUE (workspace_id, version)
);
CREATE INDEX structure_events_created_at ON structure_events (created_at);

CREATE FUNCTION structure_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'structure_events is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER structure_events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON structure_events
    FOR EACH STATEMENT EXECUTE FUNCTION structure_events_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON structure_events FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE ON structure_events FROM CURRENT_USER;

-- ours: the last sequence given, one row. Its lock is held to the end of each transaction that
-- records events, so that readers never see a hole.
CREATE TABLE event_clock (
    only_row    integer PRIMARY KEY CHECK (only_row = 1),
    last_seq    bigint NOT NULL
);
INSERT INTO event_clock (only_row, last_seq) VALUES (1, 0);

CREATE TABLE canvas_layouts (
    workspace_id    uuid PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
    x               double precision NOT NULL DEFAULT 0,
    y               double precision NOT NULL DEFAULT 0,
    collapsed       boolean NOT NULL DEFAULT false
);

CREATE TABLE canvas_viewport (
    id          uuid PRIMARY KEY,
    x           double precision NOT NULL DEFAULT 0,
    y           double precision NOT NULL DEFAULT 0,
    zoom        double precision NOT NULL DEFAULT 1,
    saved_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspace_config (
    workspace_id    uuid PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
    data            jsonb NOT NULL DEFAULT '{}',
    updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspace_secrets (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id        uuid REFERENCES workspaces (id),
    key                 text NOT NULL,
    encrypted_value     bytea NOT NULL,
    encryption_version  integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, key)
);

CREATE TABLE global_secrets (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key                 text NOT NULL UNIQUE,
    encrypted_value     bytea NOT NULL,
    encryption_version  integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspace_auth_tokens (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    token_hash      bytea NOT NULL UNIQUE,
    prefix          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
CREATE INDEX workspace_auth_tokens_live ON workspace_auth_tokens (workspace_id)
    WHERE revoked_at IS NULL;
-- ours: tokens are read by change every two seconds, and counted also when revoked.
CREATE INDEX workspace_auth_tokens_workspace ON workspace_auth_tokens (workspace_id);
CREATE INDEX workspace_auth_tokens_created ON workspace_auth_tokens (created_at);
CREATE INDEX workspace_auth_tokens_revoked ON workspace_auth_tokens (revoked_at)
    WHERE revoked_at IS NOT NULL;

CREATE TABLE org_api_tokens (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash      bytea NOT NULL UNIQUE,
    prefix          text NOT NULL,
    name            text,
    created_by      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz,
    revoked_at      timestamptz,
    org_id          uuid REFERENCES workspaces (id) ON DELETE SET NULL,
    -- ours
    scope           text NOT NULL DEFAULT 'admin' CHECK (scope IN ('admin', 'join'))
);
CREATE INDEX org_api_tokens_org_id ON org_api_tokens (org_id) WHERE org_id IS NOT NULL;
