#include "orchestrator/people/refusals.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

void refusals_note(const struct subject *subject, enum access_operation operation, const char *endpoint,
                   const char *reason)
{
    metric_add(METRIC_ACCESS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, subject->name, "access.refused", F_STR("door", endpoint),
                F_STR("person", subject->name), F_STR("credential", subject->credential),
                F_STR("operation", access_operation_name(operation)), F_STR("reason", reason));
}

enum tc_error refusals_decide(const struct subject *subject, enum access_operation operation, const char *endpoint,
                              struct access_scope *scope, struct tc_fault *fault)
{
    enum tc_error error = access_decide(subject, operation, scope, fault);
    if (error != TC_OK)
        refusals_note(subject, operation, endpoint, fault->text);
    return error;
}

void refusals_note_unknown(const char *endpoint, const char *address, const char *name)
{
    metric_add(METRIC_LOGINS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, address, "login.refused", F_STR("door", endpoint), F_STR("address", address),
                F_STR("name", name));
}
