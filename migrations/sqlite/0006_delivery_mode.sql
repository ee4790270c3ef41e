-- ours: agents without a reachable URL collect their messages. An older server on the same database
-- goes on as before: it pushes to everybody.
ALTER TABLE workspaces
    ADD COLUMN delivery_mode TEXT NOT NULL DEFAULT 'push'
        CHECK (delivery_mode IN ('push', 'poll'));
