-- Sets of the watch of generation :generation and epoch :epoch whether it is complete, and its epoch from now on. Changes no row
-- when another watch began.
-- parameters: generation bigint, epoch bigint, is_complete boolean, next_epoch bigint
-- counted
UPDATE presence_watch
SET is_complete = :is_complete, epoch = :next_epoch
WHERE generation = :generation AND epoch = :epoch
