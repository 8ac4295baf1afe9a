-- The log of events: what changed of rollouts, groups, freezes, approvals, alarms and amendments, in the order in which it was
-- committed. People and other systems read it from a position on.
--
-- Triggers write it, whichever version of an orchestrator makes the change. They are deferred: they run as the last thing of
-- the transaction, at its commit, and take the only row of event_head. So positions have no gaps, their order is that of the
-- commits, and who has read up to a position misses nothing before it. The row is held for one commit.
CREATE TABLE event_head (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  position bigint NOT NULL DEFAULT 0 -- of the newest event
);
INSERT INTO event_head DEFAULT VALUES;

-- Rows never change. The oldest are deleted when they are too old, or too many. They refer to no other table.
CREATE TABLE event (
  position bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  kind text NOT NULL, -- LOGGED_KIND
  readers text NOT NULL, -- EVENT_READERS: who may see it
  rollout_id bigint, -- which must be seen
  freeze_id bigint,
  reason_is_whole boolean NOT NULL, -- the reason may name any device of the rollout: it is for those who see all of them
  document json NOT NULL
);

-- What is wrong now and needs people, as the conductor sees it.
CREATE TABLE alarm (
  kind text NOT NULL, -- ALARM_KIND
  object bigint NOT NULL, -- the number of the freeze, review or rollout; 0: it is about none
  rollout_id bigint,
  detail text NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, object)
);

-- An orchestrator of the version before writes through the triggers from the moment at which this is committed.
DO $$
BEGIN
  IF to_regrole('tellercast_run') IS NOT NULL THEN
    GRANT SELECT, UPDATE ON event_head TO tellercast_run;
    GRANT SELECT, INSERT ON event TO tellercast_run;
  END IF;
END
$$;

-- Members that are null are left out.
CREATE FUNCTION log_event(kind text, readers text, rollout bigint, freeze bigint, reason_is_whole boolean, document json)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  given bigint;
BEGIN
  UPDATE event_head SET position = position + 1 RETURNING position INTO given;
  INSERT INTO event (position, at, kind, readers, rollout_id, freeze_id, reason_is_whole, document)
  VALUES (given, clock_timestamp(), log_event.kind, log_event.readers, log_event.rollout, log_event.freeze,
          log_event.reason_is_whole, json_strip_nulls(log_event.document));
END
$$;

-- What an event of a rollout decides: `what` waited for people; `decision`: how they decided, or that it waits. Null: nothing.
CREATE FUNCTION approval_of_event(e rollout_event, OUT what text, OUT decision text)
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN e.kind IN (:KIND_APPROVED, :KIND_REJECTED) AND e.actor <> :ACTOR_TELLERCAST THEN 'rollout'
              WHEN e.kind IN (:KIND_RESUME_ORDERED, :KIND_RESUME_APPROVED, :KIND_RESUME_REJECTED) THEN 'resume'
              WHEN e.kind IN (:KIND_GROUP_AWAITING_APPROVAL, :KIND_GROUP_APPROVED) THEN 'group'
              WHEN e.kind IN (:KIND_AMENDMENT_ORDERED, :KIND_AMENDMENT_APPROVED, :KIND_AMENDMENT_REJECTED) THEN 'amendment'
              WHEN e.kind IN (:KIND_REVIEW_ACCEPTED, :KIND_REVIEW_OBJECTED) THEN 'review' END,
         CASE WHEN e.kind IN (:KIND_RESUME_ORDERED, :KIND_GROUP_AWAITING_APPROVAL, :KIND_AMENDMENT_ORDERED) THEN :APPROVAL_WAITS
              WHEN e.kind IN (:KIND_APPROVED, :KIND_RESUME_APPROVED, :KIND_GROUP_APPROVED, :KIND_AMENDMENT_APPROVED,
                              :KIND_REVIEW_ACCEPTED) THEN :APPROVAL_GIVEN
              WHEN e.kind IN (:KIND_REJECTED, :KIND_RESUME_REJECTED, :KIND_AMENDMENT_REJECTED, :KIND_REVIEW_OBJECTED)
                THEN :APPROVAL_REFUSED END
$$;

CREATE FUNCTION log_rollout_event() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  r rollout;
  of_group text;
  approval record;
  told json;
BEGIN
  SELECT * INTO r FROM rollout WHERE id = NEW.rollout_id;
  IF NOT FOUND THEN
    RETURN NULL; -- deleted by the same transaction
  END IF;
  SELECT g.name INTO of_group FROM rollout_group g WHERE g.rollout_id = NEW.rollout_id AND g.group_no = NEW.group_no;
  SELECT * INTO approval FROM approval_of_event(NEW);
  told := json_build_object('event', NEW.kind, 'at', rfc3339(NEW.at), 'rollout', r.id, 'name', r.name, 'state', r.state,
                            'group', of_group, 'amendment', NEW.amendment, 'actor', NEW.actor, 'reason', NEW.reason, 'digest', NEW.digest);
  IF approval.what IS NULL OR approval.what IN ('group', 'amendment') THEN
    PERFORM log_event(CASE WHEN starts_with(NEW.kind, 'group_') THEN :EVENT_OF_GROUP
                           WHEN starts_with(NEW.kind, 'amend') THEN :EVENT_OF_AMENDMENT ELSE :EVENT_OF_ROLLOUT END,
                      :READERS_OF_ROLLOUT, r.id, NULL,
                      NEW.actor = :ACTOR_TELLERCAST
                        OR NEW.kind IN (:KIND_DEVICE_RETURNED, :KIND_SUPERSEDED, :KIND_FROZEN, :KIND_FREEZE_LIFTED), told);
  END IF;
  IF approval.what IS NOT NULL THEN
    PERFORM log_event(:EVENT_OF_APPROVAL, :READERS_OF_WHOLE_ROLLOUT, r.id, NULL, false,
                      json_build_object('event', approval.decision, 'what', approval.what, 'at', told -> 'at',
                                        'rollout', r.id, 'name', r.name, 'state', r.state, 'group', of_group,
                                        'amendment', NEW.amendment, 'actor', NEW.actor, 'reason', NEW.reason,
                                        'digest', NEW.digest));
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION log_waiting_rollout() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM log_event(:EVENT_OF_APPROVAL, :READERS_OF_WHOLE_ROLLOUT, NEW.id, NULL, false,
                    json_build_object('event', :APPROVAL_WAITS, 'what', 'rollout', 'at', rfc3339(now()), 'rollout', NEW.id,
                                      'name', NEW.name, 'state', NEW.state, 'actor', NEW.author, 'digest', NEW.digest,
                                      'devices', NEW.devices));
  RETURN NULL;
END
$$;

CREATE FUNCTION log_freeze() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM log_event(:EVENT_OF_FREEZE, :READERS_OF_FREEZE, NULL, NEW.id, false,
                    json_build_object('event', CASE WHEN NEW.lifted_at IS NULL THEN :KIND_FROZEN ELSE :KIND_FREEZE_LIFTED END,
                                      'at', rfc3339(coalesce(NEW.lifted_at, NEW.frozen_at)), 'freeze', NEW.id, 'match', NEW.scope,
                                      'except', CASE WHEN NEW.except_rollback THEN json_build_array('rollback') END,
                                      'until', rfc3339(NEW.until), 'actor', coalesce(NEW.lifted_by, NEW.frozen_by),
                                      'reason', coalesce(NEW.lifted_reason, NEW.reason)));
  RETURN NULL;
END
$$;

-- What was ordered about a freeze or a blocked version waits for a second person, or has been confirmed.
CREATE FUNCTION log_lift() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM log_event(:EVENT_OF_APPROVAL, :READERS_OF_FREEZE, NULL, NEW.id, false,
                    json_build_object('event', CASE WHEN NEW.lifted_at IS NULL THEN :APPROVAL_WAITS ELSE :APPROVAL_GIVEN END,
                                      'what', 'lift_freeze', 'at', rfc3339(coalesce(NEW.lifted_at, NEW.lift_ordered_at)),
                                      'freeze', NEW.id, 'match', NEW.scope, 'actor', coalesce(NEW.lifted_by, NEW.lift_ordered_by),
                                      'reason', coalesce(NEW.lifted_reason, NEW.lift_reason)));
  RETURN NULL;
END
$$;

CREATE FUNCTION log_unblock() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM log_event(:EVENT_OF_APPROVAL, :READERS_EVERYBODY, NULL, NULL, false,
                    json_build_object('event', CASE WHEN NEW.unblocked_at IS NULL THEN :APPROVAL_WAITS ELSE :APPROVAL_GIVEN END,
                                      'what', 'unblock', 'at', rfc3339(coalesce(NEW.unblocked_at, NEW.unblock_ordered_at)),
                                      'artifact', NEW.name, 'version', NEW.version,
                                      'actor', coalesce(NEW.unblocked_by, NEW.unblock_ordered_by),
                                      'reason', coalesce(NEW.unblocked_reason, NEW.unblock_reason)));
  RETURN NULL;
END
$$;

CREATE FUNCTION log_review() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM log_event(:EVENT_OF_APPROVAL, :READERS_OF_REVIEWS, NEW.rollout_id, NULL, false,
                    json_build_object('event', :APPROVAL_WAITS, 'what', 'review', 'at', rfc3339(NEW.at), 'review', NEW.id,
                                      'rollout', NEW.rollout_id, 'name', (SELECT r.name FROM rollout r WHERE r.id = NEW.rollout_id),
                                      'actor', NEW.actor, 'reason', NEW.reason, 'due_at', rfc3339(NEW.due_at)));
  RETURN NULL;
END
$$;

-- What an admin ordered about people. Arguments of the trigger: what it is, and how it was decided.
CREATE FUNCTION log_grant() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  given jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
BEGIN
  PERFORM log_event(:EVENT_OF_APPROVAL, :READERS_OF_PEOPLE, NULL, NULL, false,
                    json_build_object('event', TG_ARGV[1], 'what', TG_ARGV[0], 'at', rfc3339(now()), 'person', given ->> 'person',
                                      'role', given ->> 'role', 'scope', given -> 'scope',
                                      'alias_kind', given ->> 'kind', 'alias', given ->> 'value',
                                      'token', CASE TG_ARGV[0] WHEN 'token' THEN given ->> 'id' END,
                                      'actor', CASE TG_ARGV[1]
                                        WHEN :APPROVAL_WAITS
                                          THEN coalesce(given ->> 'granted_by', given ->> 'linked_by', given ->> 'created_by')
                                        WHEN :APPROVAL_GIVEN THEN given ->> 'confirmed_by'
                                        ELSE given ->> 'revoked_by' END));
  RETURN NULL;
END
$$;

CREATE FUNCTION log_alarm() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  a alarm;
BEGIN
  a := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  PERFORM log_event(:EVENT_OF_ALARM,
                    CASE WHEN a.kind = :ALARM_FREEZE_OVERDUE THEN :READERS_OF_FREEZE WHEN a.kind = :ALARM_REVIEW_OVERDUE
                           THEN :READERS_OF_REVIEWS WHEN a.rollout_id IS NOT NULL THEN :READERS_OF_ROLLOUT
                         ELSE :READERS_EVERYBODY END,
                    a.rollout_id, CASE WHEN a.kind = :ALARM_FREEZE_OVERDUE THEN a.object END, false,
                    json_build_object('event', CASE WHEN TG_OP = 'DELETE' THEN :ALARM_ENDED ELSE :ALARM_RAISED END,
                                      'alarm', a.kind, 'at', rfc3339(CASE WHEN TG_OP = 'DELETE' THEN now() ELSE a.raised_at END),
                                      'rollout', a.rollout_id,
                                      'name', (SELECT r.name FROM rollout r WHERE r.id = a.rollout_id),
                                      'freeze', CASE WHEN a.kind = :ALARM_FREEZE_OVERDUE THEN a.object END,
                                      'review', CASE WHEN a.kind = :ALARM_REVIEW_OVERDUE THEN a.object END,
                                      'detail', a.detail));
  RETURN NULL;
END
$$;

-- In the order in which transactions take them.
LOCK TABLE rollout, rollout_event, review, freeze_order, artifact_block, person_role, alias, token IN SHARE ROW EXCLUSIVE MODE;

CREATE CONSTRAINT TRIGGER rollout_event_logged AFTER INSERT ON rollout_event DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION log_rollout_event();
CREATE CONSTRAINT TRIGGER waiting_rollout_logged AFTER UPDATE OF state ON rollout DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.state <> NEW.state AND NEW.state = :ROLLOUT_AWAITING_APPROVAL) EXECUTE FUNCTION log_waiting_rollout();
CREATE CONSTRAINT TRIGGER freeze_logged AFTER INSERT ON freeze_order DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION log_freeze();
CREATE CONSTRAINT TRIGGER lifted_freeze_logged AFTER UPDATE OF lifted_at ON freeze_order DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL) EXECUTE FUNCTION log_freeze();
CREATE CONSTRAINT TRIGGER ordered_lift_logged AFTER UPDATE OF lift_ordered_at ON freeze_order DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.lift_ordered_at IS NOT NULL AND NEW.lifted_at IS NULL) EXECUTE FUNCTION log_lift();
CREATE CONSTRAINT TRIGGER confirmed_lift_logged AFTER UPDATE OF lifted_at ON freeze_order DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL AND NEW.lift_ordered_by IS NOT NULL)
  EXECUTE FUNCTION log_lift();
CREATE CONSTRAINT TRIGGER ordered_unblock_logged AFTER UPDATE OF unblock_ordered_at ON artifact_block DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.unblock_ordered_at IS NOT NULL AND NEW.unblocked_at IS NULL) EXECUTE FUNCTION log_unblock();
CREATE CONSTRAINT TRIGGER confirmed_unblock_logged AFTER UPDATE OF unblocked_at ON artifact_block DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.unblocked_at IS NULL AND NEW.unblocked_at IS NOT NULL AND NEW.unblock_ordered_by IS NOT NULL)
  EXECUTE FUNCTION log_unblock();
CREATE CONSTRAINT TRIGGER review_logged AFTER INSERT ON review DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION log_review();
CREATE CONSTRAINT TRIGGER ordered_role_logged AFTER INSERT ON person_role DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.confirmed_at IS NULL) EXECUTE FUNCTION log_grant('role', :APPROVAL_WAITS);
CREATE CONSTRAINT TRIGGER confirmed_role_logged AFTER UPDATE OF confirmed_at ON person_role DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL)
  EXECUTE FUNCTION log_grant('role', :APPROVAL_GIVEN);
CREATE CONSTRAINT TRIGGER dropped_role_logged AFTER DELETE ON person_role DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.confirmed_at IS NULL) EXECUTE FUNCTION log_grant('role', :APPROVAL_REFUSED);
CREATE CONSTRAINT TRIGGER ordered_alias_logged AFTER INSERT ON alias DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.confirmed_at IS NULL) EXECUTE FUNCTION log_grant('alias', :APPROVAL_WAITS);
CREATE CONSTRAINT TRIGGER confirmed_alias_logged AFTER UPDATE OF confirmed_at ON alias DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL)
  EXECUTE FUNCTION log_grant('alias', :APPROVAL_GIVEN);
CREATE CONSTRAINT TRIGGER dropped_alias_logged AFTER DELETE ON alias DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.confirmed_at IS NULL) EXECUTE FUNCTION log_grant('alias', :APPROVAL_REFUSED);
CREATE CONSTRAINT TRIGGER ordered_token_logged AFTER INSERT ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.confirmed_at IS NULL) EXECUTE FUNCTION log_grant('token', :APPROVAL_WAITS);
CREATE CONSTRAINT TRIGGER confirmed_token_logged AFTER UPDATE OF confirmed_at ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL)
  EXECUTE FUNCTION log_grant('token', :APPROVAL_GIVEN);
CREATE CONSTRAINT TRIGGER dropped_token_logged AFTER UPDATE OF revoked_at ON token DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND NEW.confirmed_at IS NULL)
  EXECUTE FUNCTION log_grant('token', :APPROVAL_REFUSED);
CREATE CONSTRAINT TRIGGER raised_alarm_logged AFTER INSERT ON alarm DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION log_alarm();
CREATE CONSTRAINT TRIGGER ended_alarm_logged AFTER DELETE ON alarm DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION log_alarm();
