-- The control plane's own database: migrations/control-plane/postgres/0001_tenants.sql.

CREATE TABLE tenants (
    id                  TEXT PRIMARY KEY NOT NULL,
    state               TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'destroyed')),
    key_version         INTEGER NOT NULL DEFAULT 1,
    provider            TEXT CHECK (provider IN ('static', 'kms')),
    provider_key_id     TEXT,
    wrapped             BLOB,
    previous_provider   TEXT CHECK (previous_provider IN ('static', 'kms')),
    previous_key_id     TEXT,
    previous_wrapped    BLOB,
    created_at          TEXT NOT NULL,
    rotated_at          TEXT,
    destroyed_at        TEXT,
    CHECK ((state = 'destroyed') = (wrapped IS NULL))
) STRICT;

CREATE TABLE boot_tokens (
    id          TEXT PRIMARY KEY NOT NULL,
    tenant_id   TEXT NOT NULL REFERENCES tenants (id),
    token_hash  BLOB NOT NULL UNIQUE,
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    claimed_at  TEXT,
    claimed_by  TEXT
) STRICT;
CREATE INDEX boot_tokens_tenant ON boot_tokens (tenant_id);

CREATE TABLE tenant_audit (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at          TEXT NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    detail      TEXT
) STRICT;
CREATE INDEX tenant_audit_tenant ON tenant_audit (tenant_id, seq);
CREATE TRIGGER tenant_audit_no_update BEFORE UPDATE ON tenant_audit
BEGIN SELECT RAISE(ABORT, 'tenant_audit is append-only'); END;
CREATE TRIGGER tenant_audit_no_delete BEFORE DELETE ON tenant_audit
BEGIN SELECT RAISE(ABORT, 'tenant_audit is append-only'); END;
