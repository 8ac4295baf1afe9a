-- Records an event of kind :kind with reason :reason for rollout :rollout. Its time is that of the statement, not of
-- the transaction, so that it is later than the events before it in the same transaction.
-- parameters: rollout bigint, kind text, reason text
INSERT INTO rollout_event (rollout_id, kind, actor, reason, at) VALUES (:rollout, :kind, :ACTOR_TELLERCAST, :reason, clock_timestamp())
