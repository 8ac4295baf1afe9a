-- Sets the state of rollout :rollout to :to_state (null: unchanged) and raises its version by one, after an operation.
-- :is_end: the new state is an end. Returns the new version and state.
-- parameters: rollout bigint, to_state text, is_end boolean
-- row: version bigint, state text
UPDATE rollout
SET state = coalesce(:to_state, state),
    version = version + 1,
    detail = CASE WHEN :to_state IS NULL OR :to_state = state THEN detail ELSE '' END,
    ended_at = CASE WHEN :to_state IS NULL OR :to_state = state THEN ended_at WHEN :is_end::boolean THEN now() END
WHERE id = :rollout
RETURNING version, state
