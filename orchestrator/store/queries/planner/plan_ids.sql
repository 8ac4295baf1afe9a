-- Discards the IDs that this session reserved earlier: with them, the IDs of a rollout would not be consecutive. Runs
-- after take_planning_turn.
DISCARD SEQUENCES
