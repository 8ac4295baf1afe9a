-- parameters: rollout bigint, kind text, reason text
INSERT INTO rollout_event (rollout_id, kind, actor, reason, at) VALUES (:rollout, :kind, :ACTOR_TELLERCAST, :reason, clock_timestamp())
