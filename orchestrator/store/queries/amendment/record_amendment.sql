-- Records an event of kind :kind about amendment :number of rollout :rollout. :version: the version at which its operation was
-- given; 0: it follows from another operation that is recorded at its version.
-- parameters: rollout bigint, number bigint, kind text, actor text, reason text, version bigint, digest text
INSERT INTO rollout_event (rollout_id, kind, actor, reason, version, digest, amendment, at)
VALUES (:rollout, :kind, :actor, :reason, nullif(:version, 0), :digest, :number::integer, clock_timestamp())
