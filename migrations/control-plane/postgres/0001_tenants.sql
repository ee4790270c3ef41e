-- The control plane's own database (docs/architecture/secrets-key-custody.md).

-- A tenant's key is here only as the provider wrapped it. A destroyed tenant keeps its row and no key.
CREATE TABLE tenants (
    id                  text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    state               text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'destroyed')),
    key_version         bigint NOT NULL DEFAULT 1,
    provider            text CHECK (provider IN ('static', 'kms')),
    provider_key_id     text,
    wrapped             bytea,
    previous_provider   text CHECK (previous_provider IN ('static', 'kms')),
    previous_key_id     text,
    previous_wrapped    bytea,
    created_at          timestamptz NOT NULL,
    rotated_at          timestamptz,
    destroyed_at        timestamptz,
    CHECK ((state = 'destroyed') = (wrapped IS NULL))
);

CREATE TABLE boot_tokens (
    id          uuid PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES tenants (id),
    token_hash  bytea NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    claimed_at  timestamptz,
    claimed_by  text
);
CREATE INDEX boot_tokens_tenant ON boot_tokens (tenant_id);

CREATE TABLE tenant_audit (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    action      text NOT NULL,
    tenant_id   text NOT NULL,
    outcome     text NOT NULL,
    detail      text
);
CREATE INDEX tenant_audit_tenant ON tenant_audit (tenant_id, seq);
CREATE FUNCTION tenant_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'tenant_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER tenant_audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON tenant_audit
    FOR EACH STATEMENT EXECUTE FUNCTION tenant_audit_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON tenant_audit FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE ON tenant_audit FROM CURRENT_USER;
