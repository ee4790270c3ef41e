-- Key custody: the tables of migrations/postgres/0002_key_custody.sql, which says what they are for.

CREATE TABLE data_keys (
    id              TEXT PRIMARY KEY NOT NULL,
    workspace_id    TEXT REFERENCES workspaces (id),
    wrapped         BLOB NOT NULL,
    provider        TEXT NOT NULL CHECK (provider IN ('static', 'kms')),
    provider_key_id TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retired')),
    version         INTEGER NOT NULL DEFAULT 1,
    created_at      TEXT NOT NULL,
    wrapped_at      TEXT NOT NULL,
    claimed_until   TEXT
) STRICT;
CREATE UNIQUE INDEX data_keys_one_active
    ON data_keys (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000'))
    WHERE state = 'active';
CREATE INDEX data_keys_workspace ON data_keys (workspace_id);
CREATE INDEX data_keys_provider ON data_keys (provider, provider_key_id);
CREATE INDEX data_keys_retired ON data_keys (id) WHERE state = 'retired';

ALTER TABLE workspace_secrets ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE workspace_secrets ADD COLUMN data_key_id TEXT REFERENCES data_keys (id);
CREATE INDEX workspace_secrets_data_key ON workspace_secrets (data_key_id)
    WHERE data_key_id IS NOT NULL;
CREATE INDEX workspace_secrets_older ON workspace_secrets (id) WHERE encryption_version <> 3;

ALTER TABLE global_secrets ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE global_secrets ADD COLUMN data_key_id TEXT REFERENCES data_keys (id);
CREATE INDEX global_secrets_data_key ON global_secrets (data_key_id)
    WHERE data_key_id IS NOT NULL;

CREATE TABLE key_custody (
    only_row        INTEGER PRIMARY KEY CHECK (only_row = 1),
    tenant          TEXT NOT NULL,
    version         INTEGER NOT NULL,
    data_key_id     TEXT NOT NULL REFERENCES data_keys (id),
    sealed          BLOB NOT NULL,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL
) STRICT;

CREATE TABLE key_jobs (
    id              TEXT PRIMARY KEY NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('rewrap', 'reseed')),
    state           TEXT NOT NULL CHECK (state IN ('running', 'finished', 'incomplete')),
    cutoff          TEXT NOT NULL,
    total           INTEGER NOT NULL,
    done            INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    started_by      TEXT NOT NULL,
    started_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    finished_at     TEXT
) STRICT;
CREATE UNIQUE INDEX key_jobs_one_open ON key_jobs (kind) WHERE state <> 'finished';

CREATE TABLE secret_audit (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at              TEXT NOT NULL,
    actor           TEXT NOT NULL,
    action          TEXT NOT NULL,
    workspace_id    TEXT,
    key             TEXT,
    format          INTEGER,
    outcome         TEXT NOT NULL,
    detail          TEXT
) STRICT;
CREATE INDEX secret_audit_workspace ON secret_audit (workspace_id, seq);
CREATE TRIGGER secret_audit_no_update BEFORE UPDATE ON secret_audit
BEGIN SELECT RAISE(ABORT, 'secret_audit is append-only'); END;
CREATE TRIGGER secret_audit_no_delete BEFORE DELETE ON secret_audit
BEGIN SELECT RAISE(ABORT, 'secret_audit is append-only'); END;
