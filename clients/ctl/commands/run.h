/* The functions of the commands, one for each row of the table in commands.c. Each returns the exit code. */
#ifndef TELLERCAST_CTL_RUN_H
#define TELLERCAST_CTL_RUN_H

struct session;

int run_fleet_import(struct session *session);
int run_fleet_generate(struct session *session);
int run_artifact_add(struct session *session);
int run_artifact_list(struct session *session);
int run_artifact_affected(struct session *session);
int run_artifact_block(struct session *session);
int run_artifact_unblock(struct session *session);
int run_plan_validate(struct session *session);
int run_plan_show(struct session *session);
int run_plan_preview(struct session *session);
int run_rollout_submit(struct session *session);
int run_rollout_list(struct session *session);
int run_rollout_status(struct session *session);
int run_rollout_watch(struct session *session);
int run_rollout_wait(struct session *session);
int run_rollout_instructions(struct session *session);
int run_rollout_failures(struct session *session);
int run_rollout_approve(struct session *session);
int run_rollout_reject(struct session *session);
int run_rollout_pause(struct session *session);
int run_rollout_resume(struct session *session);
int run_rollout_cancel(struct session *session);
int run_rollout_retry(struct session *session);
int run_rollout_rollback(struct session *session);
int run_rollout_promote(struct session *session);
int run_rollout_revise(struct session *session);
int run_rollout_break_glass(struct session *session);
int run_rollout_drift(struct session *session);
int run_rollout_report(struct session *session);
int run_review_list(struct session *session);
int run_review_accept(struct session *session);
int run_review_object(struct session *session);
int run_device_show(struct session *session);
int run_device_trace(struct session *session);
int run_device_logs(struct session *session);
int run_device_return(struct session *session);
int run_device_enroll(struct session *session);
int run_device_revoke(struct session *session);
int run_device_crl(struct session *session);
int run_device_retire(struct session *session);
int run_device_list(struct session *session); /* also: fleet list */
int run_broker_acl(struct session *session);
int run_broker_guard(struct session *session);
int run_admin_status(struct session *session);
int run_admin_accept_restored(struct session *session);
int run_admin_unknown_orders(struct session *session);
int run_person_create(struct session *session);
int run_person_list(struct session *session);
int run_person_show(struct session *session);
int run_person_disable(struct session *session);
int run_person_enable(struct session *session);
int run_person_grant(struct session *session);
int run_person_withdraw(struct session *session);
int run_person_link(struct session *session);
int run_person_unlink(struct session *session);
int run_freeze(struct session *session);
int run_freeze_list(struct session *session);
int run_freeze_show(struct session *session);
int run_freeze_lift(struct session *session);
int run_audit(struct session *session);
int run_why(struct session *session);
int run_token_create(struct session *session);
int run_token_list(struct session *session);
int run_token_revoke(struct session *session);
int run_token_confirm(struct session *session);
int run_key_create(struct session *session);
int run_key_public(struct session *session);
int run_key_list(struct session *session);
int run_key_devices(struct session *session);
int run_key_rotate(struct session *session);
int run_key_revoke(struct session *session);
int run_key_use(struct session *session);
int run_pki_init(struct session *session);
int run_pki_issue(struct session *session);
int run_pki_renew(struct session *session);
int run_pki_revoke(struct session *session);
int run_pki_crl(struct session *session);
int run_pki_rollover(struct session *session);
int run_completion(struct session *session);
int run_help(struct session *session);

#endif
