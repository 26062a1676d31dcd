-- The index of a lab folder. It can be rebuilt from the lab's files, so the file may be deleted at any time.
-- The next export is then slower, with the same result.

CREATE TABLE file (
    path       BLOB PRIMARY KEY, -- relative to the lab folder, "/" between parts, the bytes the disk has
    size_bytes INTEGER NOT NULL, -- these four are the identity: a file that differs in one is indexed again
    mtime_ns   INTEGER NOT NULL,
    ctime_ns   INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    crc32      INTEGER,          -- of the whole file, as ZIP has it; NULL until hashed
    sha256     TEXT,             -- of the whole file, hexadecimal; NULL until hashed
    probe      TEXT,             -- JSON of model.recording.Probe; NULL until probed
    search     TEXT,             -- JSON of index.records.SecretSearch; NULL until searched for secrets
    patched    TEXT,             -- JSON of index.records.PatchedFixity; NULL unless secrets were redacted
    confirmed_ms INTEGER,        -- when the whole file was last read and matched crc32, in ms since 1970; NULL: unknown
    differs_ms INTEGER,          -- when it was last read and did not match crc32; NULL: never
    digest     BLOB NOT NULL     -- BLAKE2b of all other columns; a row that does not match it is ignored
) STRICT, WITHOUT ROWID;

-- The random key of this index for the hash of the secrets with which files were searched.
CREATE TABLE search_key (
    key        BLOB NOT NULL
) STRICT;
