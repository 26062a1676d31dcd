-- Users of a lab, and what they exported. None of it can be rebuilt.
-- Times are milliseconds since 1970 in UTC (_ms). Only hashes of secrets are stored.

CREATE TABLE user (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,        -- for display (Unicode NFC)
    name_key      TEXT NOT NULL UNIQUE, -- for comparison: without regard to case and width of letters
    role          TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash TEXT NOT NULL,        -- Argon2id with its salt and parameters, as PHC string
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_ms    INTEGER NOT NULL
) STRICT;

-- Logins of browsers.
CREATE TABLE login (
    secret_sha256 BLOB PRIMARY KEY,     -- of the cookie's value
    user_id       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    begun_ms      INTEGER NOT NULL,
    seen_ms       INTEGER NOT NULL      -- when it was last used, to the minute
) STRICT, WITHOUT ROWID;

CREATE INDEX login_of_user ON login (user_id);

-- Tokens of scripts.
CREATE TABLE token (
    secret_sha256 BLOB PRIMARY KEY,     -- of the token's text
    user_id       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,
    used_ms       INTEGER,              -- when it was last used, to the minute; NULL: never
    UNIQUE (user_id, name_key)
) STRICT, WITHOUT ROWID;

-- One line for each transfer of an archive or a part of it.
CREATE TABLE export (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    begun_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,                 -- NULL while it runs
    who        TEXT NOT NULL,           -- the user's name then; a name of the operating system on the command line
    via        TEXT NOT NULL,           -- login, token or command line
    address    TEXT NOT NULL,           -- the client's; empty on the command line
    session    INTEGER NOT NULL,
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

CREATE INDEX export_of_session ON export (session);
CREATE INDEX export_running ON export (outcome) WHERE outcome = 'running';

-- Lines are never deleted, and never changed after the transfer ended.
CREATE TRIGGER export_stays BEFORE DELETE ON export
BEGIN SELECT RAISE(ABORT, 'the export log keeps every line'); END;

CREATE TRIGGER export_ended BEFORE UPDATE ON export WHEN OLD.outcome <> 'running'
BEGIN SELECT RAISE(ABORT, 'a line of the export log that ended stays as it is'); END;

-- One line for each link of files to a session.
CREATE TABLE link (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    linked_ms INTEGER NOT NULL,
    who       TEXT NOT NULL,
    session   INTEGER NOT NULL,
    source    BLOB NOT NULL,            -- relative to the lab folder, the bytes the disk has
    target    BLOB NOT NULL,            -- the same
    method    TEXT NOT NULL,            -- how the file got there
    undone_ms INTEGER,                  -- NULL until the link is undone
    undone_by TEXT
) STRICT;

CREATE TRIGGER link_stays BEFORE DELETE ON link
BEGIN SELECT RAISE(ABORT, 'the log of links keeps every line'); END;
