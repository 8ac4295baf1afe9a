#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/store/conduct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What follows from the first group that is not passed: nothing, the next group, or the end of the rollout. */
struct step {
    const struct group *ends; /* NULL: nothing happens */
    const char *group_state;
    const struct group *opens; /* NULL: the rollout ends */
};

static struct step find_step(const struct group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(groups[i].state, "open") != 0)
            continue;
        switch (gate_decide(&groups[i].progress, groups[i].success_percent)) {
        case GATE_WAIT: break;
        case GATE_PASSED: return (struct step){&groups[i], "passed", i + 1 < count ? &groups[i + 1] : NULL};
        case GATE_NOT_REACHED: return (struct step){&groups[i], "not_reached", NULL};
        }
    }
    return (struct step){0};
}

static enum tc_error take_step(struct conductor *conductor, const struct running_rollout *rollout,
                               const struct step *step, struct tc_fault *fault)
{
    struct store *store = conductor->store;
    bool passed = strcmp(step->group_state, "passed") == 0;
    enum tc_error error = conduct_end_group(store, rollout->id, step->ends->number, step->group_state, fault);
    if (error == TC_OK && step->opens != NULL)
        return conduct_open_group(store, rollout->id, step->opens->number, fault);
    if (error != TC_OK)
        return error;
    char detail[160] = "";
    if (!passed)
        (void)snprintf(detail, sizeof detail, "group %s: too few of its devices completed for its gate of %g %%",
                       step->ends->name, step->ends->success_percent);
    return conduct_end_rollout(store, rollout->id, passed ? "completed" : "halted", detail, fault);
}

static enum tc_error write_step(struct conductor *conductor, const struct running_rollout *rollout,
                                const struct step *step, struct tc_fault *fault)
{
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = take_step(conductor, rollout, step, fault);
    return error == TC_OK ? conduct_commit(conductor->store, fault) : conduct_rollback(conductor->store, error);
}

enum tc_error conductor_advance(struct conductor *conductor, const struct running_rollout *rollout, bool *ended,
                                struct tc_fault *fault)
{
    struct group *groups;
    size_t count;
    enum tc_error error = conduct_read_groups(conductor->store, rollout->id, &groups, &count, fault);
    if (error != TC_OK)
        return error;
    struct step step = find_step(groups, count);
    if (step.ends != NULL) {
        error = write_step(conductor, rollout, &step, fault);
        *ended = error == TC_OK && step.opens == NULL;
        if (error == TC_OK)
            LOG_INFO("group.ended", F_INT("rollout", rollout->id), F_STR("group", step.ends->name),
                     F_STR("state", step.group_state), F_STR("next", step.opens == NULL ? "" : step.opens->name));
        if (*ended)
            LOG_INFO("rollout.ended", F_INT("rollout", rollout->id), F_STR("name", rollout->name));
        else
            batch_queue_wake(conductor->config.planned);
    }
    free(groups);
    return error;
}
