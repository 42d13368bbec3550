-- +goose Up
-- Names compare by bytes: a case-insensitive collation would make two skus one.
-- Times are DATETIME(6) in UTC, written from this server's own clock.

-- +goose StatementBegin
CREATE TABLE stocks (
    location_id VARCHAR(64) NOT NULL,
    sku         VARCHAR(64) NOT NULL,
    on_hand     BIGINT      NOT NULL,
    reserved    BIGINT      NOT NULL,
    committed   BIGINT      NOT NULL,
    version     BIGINT      NOT NULL,
    PRIMARY KEY (location_id, sku),
    KEY by_sku (sku, location_id)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin;
-- +goose StatementEnd

-- rkey is time-ordered and the program's own: the caller's ids are random, and a
-- table clustered on them slows down as it grows.
--
-- due_at is the one time that somebody waits for: while RESERVED, when the
-- sweeper looks next; afterwards, the latest change of state, from which the
-- time of keeping counts. lane sorts the rows that wait: its low two bits are
-- on_expiry (0 only for a tombstone), 4 is set once a check ended without a
-- decision, 8 once parked.
-- +goose StatementBegin
CREATE TABLE reservations (
    rkey           BIGINT            NOT NULL,
    owner          VARCHAR(64)       NOT NULL,
    reservation_id VARCHAR(64)       NOT NULL,
    state          TINYINT UNSIGNED  NOT NULL,
    lane           TINYINT UNSIGNED  NOT NULL,
    due_at         DATETIME(6)       NOT NULL,
    line_count     SMALLINT UNSIGNED NOT NULL,
    fingerprint    BINARY(16)        NOT NULL,
    created_at     DATETIME(6)       NOT NULL,
    expires_at     DATETIME(6)       NULL,
    checks         SMALLINT UNSIGNED NOT NULL,
    parked_at      DATETIME(6)       NULL,
    resolved_by    TINYINT UNSIGNED  NOT NULL,
    reference      VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason         VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (rkey),
    UNIQUE KEY by_id (owner, reservation_id),
    KEY by_due (state, lane, due_at),
    KEY by_owner (owner, state, rkey)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin;
-- +goose StatementEnd

-- by_sku covers what a listing by sku and the audit read.
-- +goose StatementBegin
CREATE TABLE reservation_lines (
    rkey        BIGINT       NOT NULL,
    location_id VARCHAR(64)  NOT NULL,
    sku         VARCHAR(64)  NOT NULL,
    quantity    INT UNSIGNED NOT NULL,
    PRIMARY KEY (rkey, location_id, sku),
    KEY by_sku (sku, rkey, quantity)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE stock_adjustments (
    akey             BIGINT      NOT NULL AUTO_INCREMENT,
    adjustment_id    VARCHAR(64) NOT NULL,
    location_id      VARCHAR(64) NOT NULL,
    sku              VARCHAR(64) NOT NULL,
    is_recount       TINYINT     NOT NULL,
    amount           BIGINT      NOT NULL,
    expected_on_hand BIGINT      NULL,
    created_at       DATETIME(6) NOT NULL,
    reason           VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reference        VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (akey),
    UNIQUE KEY by_id (adjustment_id)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin;
-- +goose StatementEnd

-- +goose Down
DROP TABLE stock_adjustments;
DROP TABLE reservation_lines;
DROP TABLE reservations;
DROP TABLE stocks;
