-- Versions that are known to be bad: no device begins to install one while it is blocked. A version need not be stored. One
-- that is unblocked keeps its row.
CREATE TABLE artifact_block (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  blocked_by text NOT NULL,
  reason text NOT NULL,
  blocked_at timestamptz NOT NULL DEFAULT now(),
  unblock_ordered_by text, -- it waits until another person confirms it
  unblock_reason text,
  unblock_ordered_at timestamptz,
  unblocked_by text,
  unblocked_reason text,
  unblocked_at timestamptz
);
CREATE UNIQUE INDEX artifact_block_present ON artifact_block (name, version) WHERE unblocked_at IS NULL;

-- What a rollout installs. A rollback names the version to leave, and installs nothing that has a name here. Earlier versions
-- of the orchestrator write these columns, too.
ALTER TABLE rollout
  ADD COLUMN installs_name text COLLATE "C"
    GENERATED ALWAYS AS (CASE WHEN plan #>> '{spec,action}' = 'install' THEN plan #>> '{spec,artifact,name}' END) STORED,
  ADD COLUMN installs_version text COLLATE "C"
    GENERATED ALWAYS AS (CASE WHEN plan #>> '{spec,action}' = 'install' THEN plan #>> '{spec,artifact,version}' END) STORED;
CREATE INDEX rollout_installs ON rollout (installs_name, installs_version) WHERE installs_name IS NOT NULL;

CREATE VIEW blocked_rollout AS
SELECT r.id AS rollout_id, b.name, b.version, b.blocked_by, b.blocked_at, b.reason
FROM artifact_block b
JOIN rollout r ON r.installs_name = b.name AND r.installs_version = b.version
WHERE b.unblocked_at IS NULL;

INSERT INTO instruction_event_kind VALUES (:ON_BLOCKED, 'blocked');
INSERT INTO instruction_transition VALUES
  (:DISPATCHED, :WITHDRAWING, :ON_BLOCKED, :CREATED, :SCHEDULED);

-- A present block, for users.
CREATE FUNCTION block_told(b artifact_block) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'by', b.blocked_by, 'at', rfc3339(b.blocked_at), 'reason', b.reason,
    'unblock', CASE WHEN b.unblock_ordered_by IS NOT NULL
                 THEN json_build_object('by', b.unblock_ordered_by, 'at', rfc3339(b.unblock_ordered_at),
                                        'reason', b.unblock_reason) END)
$$;

-- How many instructions to install a version are in flight, by state.
CREATE FUNCTION version_in_flight(of_name text, of_version text) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object(
    'dispatched', coalesce(sum(c.count) FILTER (WHERE c.state = :DISPATCHED), 0),
    'sent', coalesce(sum(c.count) FILTER (WHERE c.state = :SENT), 0),
    'received', coalesce(sum(c.count) FILTER (WHERE c.state = :RECEIVED), 0),
    'installing', coalesce(sum(c.count) FILTER (WHERE c.state = :INSTALLING), 0))
  FROM rollout r
  JOIN counter c ON c.rollout_id = r.id
  WHERE r.installs_name = of_name AND r.installs_version = of_version
$$;
