-- +goose Up
-- The Try's place in its trace (trace id, span id, flags), if that was sampled: what
-- ends the hold, hours later, links to it. Nothing is decided by it. INSTANT, so that
-- it takes no time however large the table is, and fails where it would.

-- +goose StatementBegin
ALTER TABLE reservations ADD COLUMN trace BINARY(25) NULL, ALGORITHM = INSTANT;
-- +goose StatementEnd

-- +goose Down
ALTER TABLE reservations DROP COLUMN trace;
