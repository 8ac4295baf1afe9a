-- The author of an amendment that waits can withdraw it.
ALTER TABLE amendment DROP CONSTRAINT amendment_state_check,
  ADD CONSTRAINT amendment_state_check
    CHECK (state IN (:AMENDMENT_IN_FORCE, :AMENDMENT_AWAITING_APPROVAL, :AMENDMENT_REJECTED, :AMENDMENT_WITHDRAWN, :AMENDMENT_VOID));

-- What is withdrawn waits for nobody any more: the log of events says of its approval what it says of one that was refused.
CREATE OR REPLACE FUNCTION approval_of_event(e rollout_event, OUT what text, OUT decision text)
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN e.kind IN (:KIND_APPROVED, :KIND_REJECTED) AND e.actor <> :ACTOR_TELLERCAST THEN 'rollout'
              WHEN e.kind IN (:KIND_RESUME_ORDERED, :KIND_RESUME_APPROVED, :KIND_RESUME_REJECTED) THEN 'resume'
              WHEN e.kind IN (:KIND_GROUP_AWAITING_APPROVAL, :KIND_GROUP_APPROVED) THEN 'group'
              WHEN e.kind IN (:KIND_AMENDMENT_ORDERED, :KIND_AMENDMENT_APPROVED, :KIND_AMENDMENT_REJECTED, :KIND_AMENDMENT_WITHDRAWN)
                THEN 'amendment'
              WHEN e.kind IN (:KIND_REVIEW_ACCEPTED, :KIND_REVIEW_OBJECTED) THEN 'review' END,
         CASE WHEN e.kind IN (:KIND_RESUME_ORDERED, :KIND_GROUP_AWAITING_APPROVAL, :KIND_AMENDMENT_ORDERED) THEN :APPROVAL_WAITS
              WHEN e.kind IN (:KIND_APPROVED, :KIND_RESUME_APPROVED, :KIND_GROUP_APPROVED, :KIND_AMENDMENT_APPROVED,
                              :KIND_REVIEW_ACCEPTED) THEN :APPROVAL_GIVEN
              WHEN e.kind IN (:KIND_REJECTED, :KIND_RESUME_REJECTED, :KIND_AMENDMENT_REJECTED, :KIND_AMENDMENT_WITHDRAWN,
                              :KIND_REVIEW_OBJECTED)
                THEN :APPROVAL_REFUSED END
$$;
