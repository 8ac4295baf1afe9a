-- Records an operation. :version: the version at which it was given; 0: it follows from another operation that is
-- recorded at its version.
-- parameters: rollout bigint, kind text, actor text, reason text, version bigint, digest text, group_no bigint
INSERT INTO rollout_event (rollout_id, kind, actor, reason, version, digest, group_no, at)
VALUES (:rollout, :kind, :actor, :reason, nullif(:version, 0), :digest, nullif(:group_no, 0), clock_timestamp())
