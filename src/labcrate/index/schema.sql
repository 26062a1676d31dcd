-- The index of a lab folder. Everything in it can be computed again from the lab's files,
-- so the file may be deleted at any time: the next export is slower, and the same.

CREATE TABLE file (
    path       BLOB PRIMARY KEY, -- relative to the lab folder, "/" between parts, the bytes the disk has
    size_bytes INTEGER NOT NULL, -- these four are the identity: a file that differs in one is indexed again
    mtime_ns   INTEGER NOT NULL,
    ctime_ns   INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    crc32      INTEGER,          -- of the whole file, as ZIP has it; NULL until hashed
    sha256     TEXT,             -- of the whole file, hexadecimal; NULL until hashed
    probe      TEXT,             -- JSON of model.recording.Probe; NULL until probed
    search     TEXT,             -- JSON of catalog.records.Search; NULL until searched for secrets
    patched    TEXT,             -- JSON of catalog.records.Patched; NULL unless secrets were ever written over
    confirmed_ms INTEGER,        -- when the whole file was last read and fitted crc32, in ms since 1970; NULL: unknown
    differs_ms INTEGER,          -- when it was last read and did not fit crc32; NULL: it never did
    digest     BLOB NOT NULL     -- BLAKE2b of all the other columns: a row that it does not fit is not believed
) STRICT, WITHOUT ROWID;

-- The key of the hash that tells with which secrets a file was searched: random, and of this index alone.
CREATE TABLE search_key (
    key        BLOB NOT NULL
) STRICT;
