-- +goose Up
-- The shape of the MySQL tables (see there for the why of each column). Times
-- are microseconds since 1970 in UTC.

CREATE TABLE stocks (
    location_id TEXT    NOT NULL,
    sku         TEXT    NOT NULL,
    on_hand     INTEGER NOT NULL,
    reserved    INTEGER NOT NULL,
    committed   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (location_id, sku)
) STRICT, WITHOUT ROWID;

CREATE INDEX stocks_by_sku ON stocks (sku, location_id);

CREATE TABLE reservations (
    rkey           INTEGER NOT NULL PRIMARY KEY,
    owner          TEXT    NOT NULL,
    reservation_id TEXT    NOT NULL,
    state          INTEGER NOT NULL,
    lane           INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    line_count     INTEGER NOT NULL,
    fingerprint    BLOB    NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NULL,
    checks         INTEGER NOT NULL,
    parked_at      INTEGER NULL,
    resolved_by    INTEGER NOT NULL,
    reference      TEXT    NOT NULL,
    reason         TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX reservations_by_id ON reservations (owner, reservation_id);
CREATE INDEX reservations_by_due ON reservations (state, lane, due_at);
CREATE INDEX reservations_by_owner ON reservations (owner, state, rkey);

CREATE TABLE reservation_lines (
    rkey        INTEGER NOT NULL,
    location_id TEXT    NOT NULL,
    sku         TEXT    NOT NULL,
    quantity    INTEGER NOT NULL,
    PRIMARY KEY (rkey, location_id, sku)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_lines_by_sku ON reservation_lines (sku, rkey, quantity);

CREATE TABLE stock_adjustments (
    akey             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    adjustment_id    TEXT    NOT NULL,
    location_id      TEXT    NOT NULL,
    sku              TEXT    NOT NULL,
    is_recount       INTEGER NOT NULL,
    amount           INTEGER NOT NULL,
    expected_on_hand INTEGER NULL,
    created_at       INTEGER NOT NULL,
    reason           TEXT    NOT NULL,
    reference        TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX stock_adjustments_by_id ON stock_adjustments (adjustment_id);

-- +goose Down
DROP TABLE stock_adjustments;
DROP TABLE reservation_lines;
DROP TABLE reservations;
DROP TABLE stocks;
