-- +goose Up
-- See the MySQL migration.

ALTER TABLE reservations ADD COLUMN trace BLOB NULL;

-- +goose Down
ALTER TABLE reservations DROP COLUMN trace;
