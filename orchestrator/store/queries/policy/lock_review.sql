-- Locks review :review until this transaction ends. No row: there is none.
-- parameters: review bigint
SELECT id FROM review WHERE id = :review FOR UPDATE
