-- The activity log (contract 04 §1, 09 §6), and tokens used by day (contract 09 §8). New tables only.

CREATE TABLE activity_logs (
    -- ours: breaks ties between rows of one time, in the order of their insertion.
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    workspace_id    TEXT NOT NULL,
    activity_type   TEXT NOT NULL,
    source_id       TEXT,
    target_id       TEXT,
    method          TEXT,
    summary         TEXT,
    request_body    TEXT,
    response_body   TEXT,
    duration_ms     INTEGER,
    status          TEXT NOT NULL DEFAULT 'ok',
    error_detail    TEXT,
    created_at      TEXT NOT NULL,
    idempotency_key TEXT,
    tool_trace      TEXT,
    -- ours: what is searched for words. Escapes of JSON become blanks.
    search          TEXT GENERATED ALWAYS AS (replace(replace(replace(replace(replace(
                        activity_type || ' ' || coalesce(method, '') || ' ' || status || ' '
                            || coalesce(summary, '') || ' ' || coalesce(request_body, '') || ' '
                            || coalesce(response_body, ''),
                        '\\', ' '), '\n', ' '), '\r', ' '), '\t', ' '), '\"', ' ')) VIRTUAL
) STRICT;
CREATE INDEX activity_logs_type ON activity_logs (workspace_id, activity_type, created_at DESC);
CREATE INDEX activity_logs_workspace ON activity_logs (workspace_id, created_at, seq);
CREATE INDEX activity_logs_created_at ON activity_logs (created_at, seq);
CREATE INDEX activity_logs_key ON activity_logs (workspace_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- ours: the words. What is deleted leaves the index at once, as it leaves its table.
CREATE VIRTUAL TABLE activity_search USING fts5 (
    search, content = 'activity_logs', content_rowid = 'seq',
    tokenize = 'unicode61 remove_diacritics 0', prefix = '3');
INSERT INTO activity_search (activity_search, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER activity_logs_added AFTER INSERT ON activity_logs BEGIN
    INSERT INTO activity_search (rowid, search) VALUES (new.seq, new.search);
END;
CREATE TRIGGER activity_logs_deleted AFTER DELETE ON activity_logs BEGIN
    INSERT INTO activity_search (activity_search, rowid, search)
    VALUES ('delete', old.seq, old.search);
END;
CREATE TRIGGER activity_logs_changed AFTER UPDATE ON activity_logs BEGIN
    INSERT INTO activity_search (activity_search, rowid, search)
    VALUES ('delete', old.seq, old.search);
    INSERT INTO activity_search (rowid, search) VALUES (new.seq, new.search);
END;

-- The cost is text with six decimals, so that sums are exact.
CREATE TABLE workspace_token_usage (
    id                  TEXT PRIMARY KEY NOT NULL,
    workspace_id        TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    period_start        TEXT NOT NULL,
    input_tokens        INTEGER NOT NULL DEFAULT 0,
    output_tokens       INTEGER NOT NULL DEFAULT 0,
    call_count          INTEGER NOT NULL DEFAULT 0,
    estimated_cost_usd  TEXT NOT NULL DEFAULT '0.000000',
    updated_at          TEXT NOT NULL,
    UNIQUE (workspace_id, period_start)
) STRICT;
