-- Writes the decision of :actor on review :review, which is locked, and its event; ends the review when :reviewers people
-- have decided: one objection is enough for it to be objected. Returns its state.
-- parameters: review bigint, actor text, accepted boolean, reason text, reviewers bigint
-- row: state text, ended boolean
WITH decided AS (
  INSERT INTO review_decision (review_id, actor, accepted, reason, at)
  VALUES (:review, :actor, :accepted, :reason, clock_timestamp())
  RETURNING review_id, accepted
), counted AS (
  SELECT count(*) >= :reviewers AS ends, bool_and(d.accepted) AS all_accepted
  FROM (SELECT accepted FROM review_decision WHERE review_id = :review UNION ALL SELECT accepted FROM decided) d
), recorded AS (
  INSERT INTO rollout_event (rollout_id, kind, actor, reason, at)
  SELECT v.rollout_id, CASE WHEN :accepted::boolean THEN :KIND_REVIEW_ACCEPTED ELSE :KIND_REVIEW_OBJECTED END, :actor, :reason,
         clock_timestamp()
  FROM review v
  WHERE v.id = :review
)
UPDATE review v
SET state = CASE WHEN NOT c.ends THEN v.state WHEN c.all_accepted THEN :REVIEW_ACCEPTED ELSE :REVIEW_OBJECTED END,
    ended_at = CASE WHEN c.ends THEN clock_timestamp() END
FROM counted c
WHERE v.id = :review
RETURNING v.state, v.ended_at IS NOT NULL AS ended
