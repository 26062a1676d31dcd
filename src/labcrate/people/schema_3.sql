-- Version 3: studies, which limit the sessions that users see and export, and second factors of logins.

-- A list of sessions. Users in studies see and export only their sessions, users in no study see all.
CREATE TABLE study (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,        -- for display (Unicode NFC)
    name_key   TEXT NOT NULL UNIQUE, -- for comparison: without regard to case and width of letters
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE study_session (
    study_id INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
    session  TEXT NOT NULL,          -- the session's id (Unicode NFC)
    added_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL,          -- the user's name then
    PRIMARY KEY (study_id, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE study_member (
    study_id INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
    user_id  INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    PRIMARY KEY (study_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX study_of_user ON study_member (user_id);

-- One-time codes of a user (RFC 6238). The secret is stored as it is, since codes are computed from it.
CREATE TABLE second_factor (
    user_id      INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE,
    secret       TEXT NOT NULL,      -- Base32
    confirmed_ms INTEGER,            -- NULL until the first correct code; until then, logins require no code
    last_step    INTEGER NOT NULL DEFAULT 0 -- the time step of the last code used, so that no code works twice
) STRICT;

-- Codes for a lost phone. Each is deleted when it is used.
CREATE TABLE recovery_code (
    user_id     INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    code_sha256 BLOB NOT NULL,
    PRIMARY KEY (user_id, code_sha256)
) STRICT, WITHOUT ROWID;
