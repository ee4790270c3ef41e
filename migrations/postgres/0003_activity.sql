-- The activity log (contract 04 §1, 09 §6), and tokens used by day (contract 09 §8). New tables only: an
-- older server on the same database does not see them.

-- Breaks ties between rows of one time, in the order of their insertion.
CREATE SEQUENCE activity_logs_seq;

-- One partition a day (UTC), made ahead by the server and dropped whole when it is old. There is no foreign
-- key to workspaces: with one, making and dropping a day would lock that table against its heartbeats. Who
-- appends holds the workspace's row meanwhile, and a purge deletes its activity.
CREATE TABLE activity_logs (
    id              uuid NOT NULL DEFAULT gen_random_uuid(),
    workspace_id    uuid NOT NULL,
    activity_type   text NOT NULL,
    source_id       uuid,
    target_id       uuid,
    method          text,
    summary         text,
    request_body    jsonb,
    response_body   jsonb,
    duration_ms     integer,
    status          text NOT NULL DEFAULT 'ok',
    error_detail    text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    idempotency_key text,
    tool_trace      jsonb,
    -- ours
    seq             bigint NOT NULL DEFAULT nextval('activity_logs_seq'),
    -- Words are split where neither a letter nor a digit is: escapes of JSON and marks become blanks, so
    -- that parts of paths and addresses are found too. Numbers of a body may be longer here than they were
    -- written; what is cut off keeps the words of one row below the megabyte that a tsvector may have.
    search          tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', regexp_replace(
                        activity_type || ' ' || coalesce(method, '') || ' ' || status || ' '
                            || coalesce(summary, '') || ' '
                            || coalesce(left(request_body::text, 100000), '') || ' '
                            || coalesce(left(response_body::text, 100000), ''),
                        '\\["\\/bfnrt]|[^A-Za-z0-9\u0080-\U0010ffff\\]+|\\', ' ', 'g'))) STORED,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
ALTER SEQUENCE activity_logs_seq OWNED BY activity_logs.seq;
CREATE INDEX activity_logs_type ON activity_logs (workspace_id, activity_type, created_at DESC);
CREATE INDEX activity_logs_workspace ON activity_logs (workspace_id, created_at, seq);
CREATE INDEX activity_logs_created_at ON activity_logs (created_at, seq);
CREATE INDEX activity_logs_key ON activity_logs (workspace_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX activity_logs_trace ON activity_logs USING gin (tool_trace) WHERE tool_trace IS NOT NULL;
CREATE INDEX activity_logs_search ON activity_logs USING gin (search);

CREATE TABLE workspace_token_usage (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id        uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    period_start        timestamptz NOT NULL,
    input_tokens        bigint NOT NULL DEFAULT 0,
    output_tokens       bigint NOT NULL DEFAULT 0,
    call_count          integer NOT NULL DEFAULT 0,
    estimated_cost_usd  numeric(12, 6) NOT NULL DEFAULT 0,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, period_start)
);
