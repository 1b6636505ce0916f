-- Layout 1. {schema} stands for the name of the schema.
--
-- One row holds everything about a session, so that each change is a change of one row and nothing can be seen half-way.
-- Records are kept beside the row (TOAST), uncompressed because they are sealed: taking a lease then writes a new row of
-- some hundred bytes, and leaves the record where it is.
--
-- A row with a holder is leased until its lease ends, by the server's clock; one that has an end without a holder is
-- paused until then. A holder whose time is over left its attempt unsettled, and the next grant counts that.

CREATE TABLE {schema}.layouts (
    layout     INTEGER     NOT NULL PRIMARY KEY,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE {schema}.sessions (
    key                   BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(key) = 32),
    version               BIGINT  NOT NULL CHECK (version >= 0),
    keep_until_unix_ms    BIGINT,
    unsettled             INTEGER NOT NULL DEFAULT 0 CHECK (unsettled >= 0),
    lease_holder          BYTEA   CHECK (octet_length(lease_holder) = 16),
    lease_ends_at_unix_ms BIGINT,
    lease_length_ms       BIGINT,
    record                BYTEA   NOT NULL CHECK (octet_length(record) <= 1048576)
) WITH (fillfactor = 70, toast_tuple_target = 128);

ALTER TABLE {schema}.sessions ALTER COLUMN record SET STORAGE EXTERNAL;

CREATE INDEX sessions_by_keep_until ON {schema}.sessions (keep_until_unix_ms) WHERE keep_until_unix_ms IS NOT NULL;

INSERT INTO {schema}.layouts (layout) VALUES (1);
