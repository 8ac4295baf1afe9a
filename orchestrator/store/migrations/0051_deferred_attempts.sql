-- Whether the device of an instruction that waits asked for a later time in its last attempt: no other attempt began since, and the
-- orchestrator did not withdraw one.
CREATE FUNCTION last_attempt_deferred(i instruction) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.state = :CREATED
     AND coalesce((SELECT v.state = :CREATED
                          AND v.code NOT IN (:CODE_RETRY, :CODE_WITHDRAWN, :CODE_PREEMPTED, :CODE_VERSION_BLOCKED, :CODE_FROZEN,
                                             :CODE_END_AMENDED)
                   FROM instruction_event v
                   WHERE v.instruction_id = i.id AND (i.attempt > 1 OR i.substate = :DEFERRED)
                   ORDER BY v.at DESC, v.attempt DESC
                   LIMIT 1), false)
$$;
