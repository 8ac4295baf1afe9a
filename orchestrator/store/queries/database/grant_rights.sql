-- Gives the roles of packaging/roles.sql what they need, if they exist: tellercast_run reads all tables and writes those of
-- this list, tellercast_read reads all tables. Runs after the migrations, as the owner. A test of the project compares
-- the list with the statements. Only adds rights: an orchestrator of another version may be at work.
-- script
DO $$
DECLARE
  run_role name := to_regrole('tellercast_run')::text;
  read_role name := to_regrole('tellercast_read')::text;
  reader name;
  one record;
BEGIN
  FOREACH reader IN ARRAY array_remove(ARRAY[run_role, read_role], NULL) LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), reader);
    FOR one IN SELECT c.relname FROM pg_class c
               WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v')
                 AND c.relowner = current_user::regrole LOOP
      EXECUTE format('GRANT SELECT ON %I TO %I', one.relname, reader);
    END LOOP;
  END LOOP;
  IF run_role IS NULL THEN
    RETURN;
  END IF;
  FOR one IN SELECT * FROM (VALUES
    ('accepted_restore', 'INSERT, UPDATE'),
    ('act', 'INSERT'),
    ('act_head', 'UPDATE'),
    ('alarm', 'INSERT, DELETE'),
    ('alias', 'INSERT, UPDATE, DELETE'),
    ('amended_plan', 'INSERT'),
    ('amendment', 'INSERT, UPDATE'),
    ('amendment_decision', 'INSERT, UPDATE'),
    ('approval', 'INSERT, UPDATE, DELETE'),
    ('approval_voided', 'INSERT'),
    ('artifact', 'INSERT'),
    ('artifact_block', 'INSERT, UPDATE'),
    ('branch', 'INSERT, UPDATE'),
    ('claim', 'INSERT, UPDATE, DELETE'),
    ('counter', 'INSERT, UPDATE, DELETE'),
    ('device', 'INSERT, UPDATE'),
    ('device_certificate', 'INSERT, UPDATE, DELETE'),
    ('device_log', 'INSERT, DELETE'),
    ('device_revocation', 'INSERT, UPDATE'),
    ('device_search', 'INSERT, UPDATE'),
    ('directory', 'UPDATE'),
    ('enrolment', 'INSERT, UPDATE, DELETE'),
    ('event', 'INSERT, DELETE'),
    ('event_head', 'UPDATE'),
    ('exclusion', 'INSERT, UPDATE'),
    ('failing', 'INSERT, UPDATE, DELETE'),
    ('failure', 'INSERT, UPDATE, DELETE'),
    ('freeze_order', 'INSERT, UPDATE'),
    ('frozen_rollout', 'INSERT, UPDATE'),
    ('installation', 'UPDATE'),
    ('instruction', 'INSERT, UPDATE, DELETE'),
    ('instruction_event', 'INSERT'),
    ('key_rotation', 'UPDATE'),
    ('label_change', 'INSERT, DELETE'),
    ('label_count', 'INSERT, UPDATE'),
    ('lease', 'INSERT, UPDATE'),
    ('people', 'UPDATE'),
    ('person', 'INSERT, UPDATE'),
    ('person_role', 'INSERT, UPDATE, DELETE'),
    ('presence', 'INSERT, UPDATE'),
    ('presence_watch', 'UPDATE'),
    ('promoted_failure', 'INSERT'),
    ('promoted_past', 'INSERT'),
    ('relabelled', 'INSERT, DELETE'),
    ('review', 'INSERT, UPDATE (state, ended_at)'),
    ('review_decision', 'INSERT'),
    ('rollout', 'INSERT, UPDATE'),
    ('rollout_event', 'INSERT'),
    ('rollout_forecast', 'INSERT, UPDATE'),
    ('rollout_forecast_point', 'INSERT, UPDATE, DELETE'),
    ('rollout_group', 'INSERT, UPDATE, DELETE'),
    ('rollout_label', 'INSERT, UPDATE, DELETE'),
    ('rollout_labelled', 'INSERT, UPDATE'),
    ('rollout_planned_night', 'INSERT'),
    ('rollout_rate', 'INSERT, UPDATE'),
    ('rollout_times', 'INSERT, UPDATE'),
    ('rollout_window', 'INSERT, UPDATE, DELETE'),
    ('rollout_zone', 'INSERT, DELETE'),
    ('session', 'INSERT, DELETE'),
    ('signing_key', 'INSERT, UPDATE'),
    ('site_policy', 'INSERT, UPDATE, DELETE'),
    ('site_policy_text', 'INSERT'),
    ('token', 'INSERT, UPDATE, DELETE'),
    ('tokens_file', 'INSERT'),
    ('trusted_keys_change', 'INSERT, DELETE'),
    ('trusted_keys_count', 'INSERT, UPDATE'),
    ('unavailable', 'INSERT, UPDATE, DELETE'),
    ('undelivered_event', 'INSERT, DELETE'),
    ('unknown_order', 'INSERT, UPDATE'),
    ('watermark', 'UPDATE'),
    ('webhook', 'INSERT, UPDATE')
  ) t (name, rights) LOOP
    EXECUTE format('GRANT %s ON %I TO %I', one.rights, one.name, run_role);
  END LOOP;
  FOR one IN SELECT c.relname FROM pg_class c
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S'
               AND c.relowner = current_user::regrole LOOP
    EXECUTE format('GRANT USAGE, SELECT, UPDATE ON SEQUENCE %I TO %I', one.relname, run_role);
  END LOOP;
  EXECUTE format('GRANT EXECUTE ON FUNCTION make_import_tables(), analyze_import(), analyze_fleet() TO %I', run_role);
END
$$
