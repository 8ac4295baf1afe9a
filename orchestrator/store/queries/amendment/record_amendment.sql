-- Records an event of kind :kind about amendment :number of rollout :rollout. :version: the version at which its operation was
-- given; 0: it follows from another operation that is recorded at its version. :group_no: of the group that it is on;
-- 0: none.
-- parameters: rollout bigint, number bigint, kind text, actor text, reason text, version bigint, digest text, group_no bigint
INSERT INTO rollout_event (rollout_id, kind, actor, reason, version, digest, group_no, amendment, at)
VALUES (:rollout, :kind, :actor, :reason, nullif(:version, 0), :digest, nullif(:group_no::smallint, 0), :number::integer, clock_timestamp())
