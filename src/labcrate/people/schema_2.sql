-- Version 2: a session's id is a text. SQLite cannot change a column's type, so both logs are created again with
-- all lines. The triggers that protect lines are dropped with the old tables and created for the new ones.

CREATE TABLE export_2 (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    begun_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,                 -- NULL while it runs
    who        TEXT NOT NULL,           -- the user's name then; a name of the operating system on the command line
    via        TEXT NOT NULL,           -- login, token, command line or Python
    address    TEXT NOT NULL,           -- the client's; empty on the command line
    session    TEXT NOT NULL,           -- the session's id (Unicode NFC)
    options    TEXT NOT NULL,           -- as the query of a URL; empty: the whole session
    etag       TEXT NOT NULL,
    start      INTEGER NOT NULL,        -- first byte of the requested part
    length     INTEGER NOT NULL,        -- bytes of that part
    total      INTEGER NOT NULL,        -- bytes of the whole archive
    bytes_sent INTEGER NOT NULL DEFAULT 0,
    outcome    TEXT NOT NULL DEFAULT 'running' CHECK (outcome IN ('running', 'finished', 'aborted', 'broken')),
    reason     TEXT,                    -- why it did not finish
    run        TEXT NOT NULL            -- name of the sending process's lock, which is held while it runs
) STRICT;

INSERT INTO export_2
SELECT number, begun_ms, ended_ms, who, via, address, CAST(session AS TEXT), options, etag, start, length, total,
       bytes_sent, outcome, reason, run
FROM export ORDER BY number;

DROP TABLE export;
ALTER TABLE export_2 RENAME TO export;

CREATE INDEX export_of_session ON export (session);
CREATE INDEX export_running ON export (outcome) WHERE outcome = 'running';

CREATE TRIGGER export_stays BEFORE DELETE ON export
BEGIN SELECT RAISE(ABORT, 'the export log keeps every line'); END;

CREATE TRIGGER export_ended BEFORE UPDATE ON export WHEN OLD.outcome <> 'running'
BEGIN SELECT RAISE(ABORT, 'a line of the export log that ended stays as it is'); END;

CREATE TABLE link_2 (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    linked_ms INTEGER NOT NULL,
    who       TEXT NOT NULL,
    session   TEXT NOT NULL,            -- the session's id (Unicode NFC)
    source    BLOB NOT NULL,            -- relative to the lab folder, the bytes the disk has
    target    BLOB NOT NULL,            -- the same
    method    TEXT NOT NULL,            -- how the file got there
    undone_ms INTEGER,                  -- NULL until the link is undone
    undone_by TEXT
) STRICT;

INSERT INTO link_2
SELECT number, linked_ms, who, CAST(session AS TEXT), source, target, method, undone_ms, undone_by
FROM link ORDER BY number;

DROP TABLE link;
ALTER TABLE link_2 RENAME TO link;

CREATE TRIGGER link_stays BEFORE DELETE ON link
BEGIN SELECT RAISE(ABORT, 'the log of links keeps every line'); END;
