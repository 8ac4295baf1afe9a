#include "orchestrator/wording/forecast_words.h"

#include "orchestrator/rollout/forecast_ends.h"

static const char *const sentences[FORECAST_ASSUMPTION_COUNT] = {
    [FORECAST_NOT_COMPUTED] = "not computed yet: at worst it ends with its last window or at endAt",
    [FORECAST_FIRST_TRY] = "best: each device completes at its first try",
    [FORECAST_MEASURED] = "best: a device takes as long as those that completed",
    [FORECAST_INSTALL_TIMEOUT] = "best: a device takes installTimeout, since fewer than three completed",
    [FORECAST_ALL_ATTEMPTS] = "worst: each device uses all its attempts, with all their timeouts and backoffs",
    [FORECAST_APPROVED_AT_ONCE] = "best: missing approvals are given at once; worst too, if there is no endAt",
    [FORECAST_NOT_APPROVED] = "worst: approvals that are missing are not given before endAt",
    [FORECAST_RESUMED_AT_ONCE] = "best: groups that are paused are resumed at once; worst too, if there is no endAt",
    [FORECAST_NOT_RESUMED] = "worst: groups that are paused are not resumed before endAt",
    [FORECAST_RETURNED_AT_ONCE] =
        "best: machines out of service that use up the budget of their branches return at once",
    [FORECAST_NOT_RETURNED] =
        "worst: these machines do not return: what their branches still have is not started by the end",
    [FORECAST_NO_DEFERRAL] = "no device asks for a later time",
    [FORECAST_WINDOWS_END] = "the windows that are left are too short for all devices: it ends with the last one",
    [FORECAST_ENDS_AT_END] = "it ends at endAt, although not all would be done",
    [FORECAST_FROZEN] = "what a freeze stops starts at its end: at best a part of the rest, at worst all of it",
    [FORECAST_ALONE] = ("no other rollout uses the budget of its branches, no freeze begins or lasts longer, and no "
                        "more machines go out of service"),
};

const char *forecast_assumption_words(const char *name)
{
    enum forecast_assumption assumption;
    return forecast_assumption_parse(name, &assumption) ? sentences[assumption] : name;
}
