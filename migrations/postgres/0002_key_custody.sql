-- Key custody (docs/architecture/secrets-key-custody.md). All of it is ours. An older server on the
-- same database goes on as before: what is added to its tables has defaults.

-- One seed a scope, wrapped by the key-encryption provider. A scope is a workspace, or the global secrets
-- (no workspace). The plaintext of a seed is never here.
CREATE TABLE data_keys (
    id              uuid PRIMARY KEY,
    workspace_id    uuid REFERENCES workspaces (id),
    wrapped         bytea NOT NULL,
    provider        text NOT NULL CHECK (provider IN ('static', 'kms')),
    provider_key_id text NOT NULL,
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retired')),
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    wrapped_at      timestamptz NOT NULL,
    claimed_until   timestamptz
);
CREATE UNIQUE INDEX data_keys_one_active
    ON data_keys (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000'))
    WHERE state = 'active';
CREATE INDEX data_keys_workspace ON data_keys (workspace_id);
CREATE INDEX data_keys_provider ON data_keys (provider, provider_key_id);
CREATE INDEX data_keys_retired ON data_keys (id) WHERE state = 'retired';

-- A seed that a row still needs cannot be destroyed: the database itself sees to it.
ALTER TABLE workspace_secrets
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN data_key_id uuid REFERENCES data_keys (id);
CREATE INDEX workspace_secrets_data_key ON workspace_secrets (data_key_id)
    WHERE data_key_id IS NOT NULL;
CREATE INDEX workspace_secrets_older ON workspace_secrets (id) WHERE encryption_version <> 3;

ALTER TABLE global_secrets
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN data_key_id uuid REFERENCES data_keys (id);
CREATE INDEX global_secrets_data_key ON global_secrets (data_key_id)
    WHERE data_key_id IS NOT NULL;

-- The check value: sealed under the seed of the global secrets, so that a wrong key is told from a right one
-- before anything is served, and so that nobody lowers the minimum format unnoticed.
CREATE TABLE key_custody (
    only_row        integer PRIMARY KEY CHECK (only_row = 1),
    tenant          text NOT NULL,
    version         bigint NOT NULL,
    data_key_id     uuid NOT NULL REFERENCES data_keys (id),
    sealed          bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

-- Rotations, with how far they are.
CREATE TABLE key_jobs (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('rewrap', 'reseed')),
    state           text NOT NULL CHECK (state IN ('running', 'finished', 'incomplete')),
    cutoff          timestamptz NOT NULL,
    total           bigint NOT NULL,
    done            bigint NOT NULL,
    failed          bigint NOT NULL,
    started_by      text NOT NULL,
    started_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    finished_at     timestamptz
);
CREATE UNIQUE INDEX key_jobs_one_open ON key_jobs (kind) WHERE state <> 'finished';

-- Who did what to which secret, and how it ended. Never a value.
CREATE TABLE secret_audit (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    actor           text NOT NULL,
    action          text NOT NULL,
    workspace_id    uuid,
    key             text,
    format          integer,
    outcome         text NOT NULL,
    detail          text
);
CREATE INDEX secret_audit_workspace ON secret_audit (workspace_id, seq);

CREATE FUNCTION secret_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'secret_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER secret_audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON secret_audit
    FOR EACH STATEMENT EXECUTE FUNCTION secret_audit_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON secret_audit FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE ON secret_audit FROM CURRENT_USER;
