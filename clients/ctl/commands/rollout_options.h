/* The options of the commands on rollouts, for the table of commands. */
#ifndef TELLERCAST_CTL_ROLLOUT_OPTIONS_H
#define TELLERCAST_CTL_ROLLOUT_OPTIONS_H

#include "clients/ctl/commands/command.h"

extern const struct option rollout_submit_options[];
extern const struct option rollout_wait_options[];
extern const struct option rollout_decision_options[];
extern const struct option rollout_amend_options[];
extern const struct option rollout_promote_options[];
extern const struct option rollout_instructions_options[];
extern const struct option rollout_failures_options[];
extern const struct option rollout_exclude_options[];
extern const struct option rollout_skip_options[];
extern const struct option rollout_operation_options[];
extern const struct option rollout_pause_options[];

#endif
