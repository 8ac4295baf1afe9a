-- Reads what waits for an approval or a second person, oldest first, at most :most of each kind, for :person: rollouts, groups,
-- resumes and amendments in :patterns (null: all), unblocked versions, freezes that may touch :patterns, reviews, and what admins ordered. :may_approve, with :approves_in as the
-- patterns in which, :may_review, :may_grant: what the person's roles allow; :reviewers: how many a review needs; :sees_reviews and :sees_people: which of these it
-- may read. `not_by_you`: why the person may not decide; null: it may.
-- parameters: person text, patterns text, may_approve boolean, approves_in text, may_review boolean, may_grant boolean,
--   sees_reviews boolean, sees_people boolean, reviewers bigint, most bigint
-- row: document.*
-- alone
WITH open_rollout AS MATERIALIZED (
  SELECT r AS rollout, r.id, a.is_author, a.unknown_author,
         :may_approve AND rollout_is_within(r, :approves_in::jsonb) AS may
  FROM rollout r,
  LATERAL (SELECT * FROM rollout_authors(r, :person)) a
  WHERE r.state IN (:ROLLOUT_AWAITING_APPROVAL, :ROLLOUT_RUNNING, :ROLLOUT_PAUSED)
    AND (r.state = :ROLLOUT_AWAITING_APPROVAL
         OR r.state = :ROLLOUT_PAUSED AND EXISTS (SELECT FROM rollout_event e WHERE e.rollout_id = r.id AND e.kind = :KIND_RESUME_ORDERED)
         OR EXISTS (SELECT FROM rollout_group g WHERE g.rollout_id = r.id AND g.manual
                    AND (g.state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g))))
    AND rollout_is_within(r, :patterns::jsonb)
), start AS (
  SELECT 'rollout' AS kind, rfc3339((o.rollout).submitted_at) AS since, json_build_object(
           'rollout', o.id, 'name', (o.rollout).name, 'digest', (o.rollout).digest, 'ordered_by', (o.rollout).author,
           'reason', NULL, 'devices', (o.rollout).devices,
           'required', approvals_needed(o.rollout, (o.rollout).devices), 'given', g.given) AS what,
         not_approved_by(o.may, o.is_author, g.is_decided, o.unknown_author) AS not_by_you
  FROM open_rollout o,
  LATERAL (SELECT count(DISTINCT acting_person(a.actor)) FILTER (WHERE a.approved) AS given,
                  coalesce(bool_or(a.approved AND acting_person(a.actor) = :person), false) AS is_decided
           FROM approval a
           WHERE a.rollout_id = o.id AND a.group_no = 0 AND a.digest = (o.rollout).digest
             AND a.at > coalesce((SELECT max(e.at) FROM rollout_event e
                                  WHERE e.rollout_id = o.id AND e.kind = :KIND_REVISED), '-infinity')) g
  WHERE (o.rollout).state = :ROLLOUT_AWAITING_APPROVAL
  ORDER BY (o.rollout).submitted_at
  LIMIT :most
), of_group AS (
  SELECT 'group' AS kind, rfc3339(coalesce(g.settled_at, g.opened_at)) AS since, json_build_object(
           'rollout', o.id, 'name', (o.rollout).name, 'digest', (o.rollout).digest, 'group', g.name,
           'ordered_by', (o.rollout).author, 'reason', NULL, 'devices', g.devices, 'required', 1, 'given', 0) AS what,
         not_approved_by(o.may, o.is_author, false, o.unknown_author) AS not_by_you
  FROM open_rollout o
  JOIN rollout_group g ON g.rollout_id = o.id AND g.manual AND (g.state = :GROUP_AWAITING_APPROVAL OR group_has_soaked_open(g))
  WHERE NOT EXISTS (SELECT FROM approval a
                    WHERE a.rollout_id = o.id AND a.group_no = g.group_no AND a.digest = (o.rollout).digest)
  ORDER BY coalesce(g.settled_at, g.opened_at)
  LIMIT :most
), resume AS (
  SELECT 'resume' AS kind, t.told ->> 'at' AS since, json_build_object(
           'rollout', o.id, 'name', (o.rollout).name, 'digest', (o.rollout).digest, 'ordered_by', t.told ->> 'ordered_by',
           'reason', t.told ->> 'reason', 'devices', (o.rollout).devices, 'required', t.told -> 'required',
           'given', json_array_length(t.told -> 'given')) AS what,
         not_approved_by(o.may, acting_person(t.told ->> 'ordered_by') = :person,
                         EXISTS (SELECT FROM json_array_elements(t.told -> 'given') d
                                 WHERE acting_person(d ->> 'actor') = :person),
                         CASE WHEN NOT actor_is_known(t.told ->> 'ordered_by') THEN t.told ->> 'ordered_by' END) AS not_by_you
  FROM open_rollout o, LATERAL (SELECT resume_of(o.rollout) AS told) t
  WHERE t.told ->> 'ordered_by' IS NOT NULL
  ORDER BY t.told ->> 'at'
  LIMIT :most
), of_amendment AS (
  SELECT 'amendment' AS kind, rfc3339(a.at) AS since, json_build_object(
           'rollout', r.id, 'name', r.name, 'amendment', a.number, 'digest', a.digest, 'changes', a.kind, 'subject', nullif(a.subject, ''),
           'before', a.before, 'after', a.after, 'ordered_by', a.author, 'reason', a.reason, 'devices', r.devices,
           'required', amendment_approvals_needed(a, r), 'given', d.given) AS what,
         not_approved_by(:may_approve AND rollout_is_within(r, :approves_in::jsonb),
                         o.is_author OR acting_person(a.author) = :person, d.is_decided,
                         CASE WHEN actor_is_known(a.author) THEN o.unknown_author ELSE a.author END) AS not_by_you
  FROM amendment a
  JOIN rollout r ON r.id = a.rollout_id,
  LATERAL (SELECT * FROM loosening_authors(r, :person)) o,
  LATERAL (SELECT count(DISTINCT acting_person(e.actor)) AS given,
                  coalesce(bool_or(acting_person(e.actor) = :person), false) AS is_decided
           FROM amendment_decision e WHERE e.rollout_id = a.rollout_id AND e.number = a.number AND e.approved) d
  WHERE a.state = :AMENDMENT_AWAITING_APPROVAL AND rollout_is_within(r, :patterns::jsonb)
  ORDER BY a.at
  LIMIT :most
), unblock AS (
  SELECT 'unblock' AS kind, rfc3339(b.unblock_ordered_at) AS since, json_build_object(
           'name', b.name, 'version', b.version, 'ordered_by', b.unblock_ordered_by, 'reason', b.unblock_reason,
           'required', 1, 'given', 0) AS what,
         not_approved_by(:may_approve AND :approves_in::text IS NULL, b.unblock_ordered_by = :person, false, NULL) AS not_by_you
  FROM artifact_block b
  WHERE b.unblocked_at IS NULL AND b.unblock_ordered_by IS NOT NULL
  ORDER BY b.unblock_ordered_at
  LIMIT :most
), lift AS (
  SELECT 'lift_freeze' AS kind, rfc3339(f.lift_ordered_at) AS since, json_build_object(
           'freeze', f.id, 'match', f.scope, 'ordered_by', f.lift_ordered_by, 'reason', f.lift_reason, 'required', 1, 'given', 0) AS what,
         not_approved_by(:may_approve AND patterns_cover(:approves_in::jsonb, to_jsonb(f.patterns))
                           AND NOT EXISTS (SELECT FROM site_policy p
                                           WHERE p.policy ? 'lift_freeze' AND NOT p.policy -> 'lift_freeze' ? :person),
                         acting_person(f.lift_ordered_by) = :person, false, NULL) AS not_by_you
  FROM freeze_order f
  WHERE f.lifted_at IS NULL AND f.lift_ordered_by IS NOT NULL
    AND EXISTS (SELECT FROM site_policy p WHERE p.policy -> 'lift_freeze_by_two' = 'true')
    AND (:patterns::jsonb IS NULL OR patterns_meet(f.patterns, ARRAY(SELECT jsonb_array_elements(:patterns::jsonb))))
  ORDER BY f.lift_ordered_at
  LIMIT :most
), of_review AS (
  SELECT 'review' AS kind, rfc3339(v.at) AS since, json_build_object(
           'review', v.id, 'rollout', v.rollout_id, 'name', r.name, 'ordered_by', v.actor, 'reason', v.reason,
           'due_at', rfc3339(v.due_at), 'is_overdue', v.due_at <= now(), 'required', :reviewers,
           'given', (SELECT count(*) FROM review_decision d WHERE d.review_id = v.id)) AS what,
         not_approved_by(:may_review,
           acting_person(v.actor) = :person OR a.is_author OR v.ordered_by IS NOT NULL AND acting_person(v.ordered_by) = :person
           OR EXISTS (SELECT FROM rollout_event e
                      WHERE e.rollout_id = r.id AND acting_person(e.actor) = :person
                        AND (e.kind = :KIND_GLASS_BROKEN
                             OR e.kind = CASE WHEN v.is_resume THEN :KIND_RESUME_APPROVED ELSE :KIND_APPROVED END AND e.at < v.at)),
           EXISTS (SELECT FROM review_decision d WHERE d.review_id = v.id AND d.actor = :person), a.unknown_author) AS not_by_you
  FROM review v
  JOIN rollout r ON r.id = v.rollout_id,
  LATERAL (SELECT * FROM rollout_authors(r, :person)) a
  WHERE v.ended_at IS NULL AND :sees_reviews
  ORDER BY v.due_at
  LIMIT :most
), of_person AS (
  (SELECT 'role' AS kind, rfc3339(p.granted_at) AS since, json_build_object(
            'person', p.person, 'role', p.role, 'scope', p.scope, 'ordered_by', p.granted_by, 'reason', NULL, 'required', 1, 'given', 0) AS what,
          not_approved_by(:may_grant, p.granted_by = :person, false, NULL) AS not_by_you
   FROM person_role p WHERE p.confirmed_at IS NULL AND :sees_people ORDER BY p.granted_at LIMIT :most)
  UNION ALL
  (SELECT 'alias', rfc3339(l.linked_at), json_build_object(
            'person', l.person, 'alias_kind', l.kind, 'alias', l.value, 'ordered_by', l.linked_by, 'reason', NULL, 'required', 1, 'given', 0),
          not_approved_by(:may_grant, l.linked_by = :person, false, NULL)
   FROM alias l WHERE l.confirmed_at IS NULL AND :sees_people ORDER BY l.linked_at LIMIT :most)
  UNION ALL
  (SELECT 'token', rfc3339(t.created_at), json_build_object(
            'person', t.person, 'token', t.id, 'ordered_by', t.created_by, 'reason', NULL, 'required', 1, 'given', 0),
          not_approved_by(:may_grant, t.created_by = :person, false, NULL)
   FROM token t WHERE t.confirmed_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now() AND :sees_people
   ORDER BY t.created_at LIMIT :most)
), everything AS (
  SELECT * FROM start UNION ALL SELECT * FROM of_group UNION ALL SELECT * FROM resume UNION ALL SELECT * FROM of_amendment UNION ALL SELECT * FROM unblock
  UNION ALL SELECT * FROM lift UNION ALL SELECT * FROM of_review UNION ALL SELECT * FROM of_person
)
SELECT json_build_object(
  'approvals', coalesce(json_agg(json_build_object('kind', e.kind, 'since', e.since, 'what', e.what, 'not_by_you', e.not_by_you)
                                 ORDER BY e.not_by_you IS NOT NULL, e.since), '[]'),
  'for_you', count(*) FILTER (WHERE e.not_by_you IS NULL))::text AS document
FROM everything e
