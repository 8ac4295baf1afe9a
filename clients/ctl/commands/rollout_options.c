#include "clients/ctl/commands/rollout_options.h"

#include "clients/ctl/commands/option_rows.h"

const struct option rollout_submit_options[] = {
    {"via", "http|mqtt|socket", NULL, "http", "Endpoint to use. All three check and answer the same."},
    {"wait", NULL, NULL, NULL,
     "Then watch the rollout until it ends or waits for a person (4); the exit code gives its outcome."},
    {"timeout", "DURATION", NULL, NULL, "With --wait: give up after this time, such as 90s, 10m or 2h."},
    {"idempotency-key", "KEY", NULL, NULL,
     "Submitting again with the same key returns the same rollout. Only with http."},
    NO_OPTION,
};

const struct option rollout_wait_options[] = {
    {"timeout", "DURATION", NULL, NULL, "Give up after this time, such as 90s, 10m or 2h."},
    NO_OPTION,
};

const struct option rollout_decision_options[] = {
    REASON,
    {"group", "GROUP", NULL, NULL,
     "Decide only whether the rollout may continue after this group, if the plan requires that."},
    {"amendment", "N", NULL, NULL, "Decide about this amendment; rollout amendments shows their numbers."},
    {"digest", "DIGEST", NULL, NULL,
     "Digest of the plan or the amendment that you read. Default: that of the rollout's current plan, or of the "
     "amendment."},
    DRY_RUN("Only show what would be decided about."),
    YES,
    NO_OPTION,
};

const struct option rollout_instructions_options[] = {
    {"state", "STATE", NULL, NULL,
     "Show only instructions in this state or substate, such as failed. deferred: also those that wait for another "
     "attempt after one that deferred."},
    {"group", "GROUP", NULL, NULL, "Show only instructions of this group."},
    LIMIT,
    NO_OPTION,
};

const struct option rollout_failures_options[] = {
    {"by", "KEY,...", NULL, "code,model,version", "Group by these: code, model, version, and one label:KEY."},
    {"devices", NULL, NULL, NULL, "Show the devices instead, with the options below."},
    {"code", "CODE", NULL, NULL, "With --devices: only those with this code."},
    {"model", "MODEL", NULL, NULL, "With --devices: only those of this model."},
    {"installed", "VERSION", NULL, NULL, "With --devices: only those that have this version of the artifact."},
    {"match", "LABEL", NULL, NULL, "With --devices: only those with this label, such as region=emea."},
    {"without", "KEY,...", NULL, NULL, "With --devices: only those that have none of these, as --by names them."},
    {"state", "ended|failing_now", NULL, NULL, "With --devices: only those that failed for good, or are tried again."},
    LIMIT,
    NO_OPTION,
};

const struct option rollout_amend_options[] = {
    {"per-minute", "N", NULL, NULL, "Start so many devices a minute, and let the rate not grow."},
    {"max-unavailable", "AMOUNT", NULL, NULL,
     "Let so many devices of a branch be out of service at once, such as 2, or so much of its machines, such as 10%."},
    {"end-at", "TIME", NULL, NULL, "End then: a time such as 2026-12-01T06:00:00Z, or a duration from now such as 6h."},
    {"withdraw", "N", NULL, NULL,
     "Withdraw this amendment instead, which you ordered and which waits; rollout amendments shows their numbers."},
    REASON,
    DRY_RUN("Only show what it would do."),
    YES,
    EXPECTED_VERSION,
    NO_OPTION,
};

const struct option rollout_promote_options[] = {
    {"past", "silent|failed", NULL, "silent",
     "Past the devices that are silent or defer, at once; or past those that failed, which waits for as many approvals "
     "as a looser "
     "plan."},
    REASON,
    EXPECTED_VERSION,
    DRY_RUN("Only show what it would do."),
    YES,
    NO_OPTION,
};

const struct option rollout_exclude_options[] = {
    {"match", "LABELS", NULL, NULL, "The devices with these labels, such as region=emea."},
    {"branch", "BRANCH", NULL, NULL, "The devices of this branch."},
    REASON,
    EXPECTED_VERSION,
    DRY_RUN("Only show what it would end, withdraw and let finish."),
    YES,
    NO_OPTION,
};
const struct option rollout_skip_options[] = {
    REASON, EXPECTED_VERSION, DRY_RUN("Only show what it would end, withdraw and let finish."), YES, NO_OPTION};
const struct option rollout_operation_options[] = {REASON, EXPECTED_VERSION, DRY_RUN("Only show what it would do."),
                                                   YES, NO_OPTION};
const struct option rollout_pause_options[] = {
    {"group", "GROUP", NULL, NULL, "Only this group."},
    REASON,
    EXPECTED_VERSION,
    DRY_RUN("Only show what it would do."),
    YES,
    NO_OPTION,
};
