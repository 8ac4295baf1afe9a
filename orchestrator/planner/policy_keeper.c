#include "orchestrator/planner/policy_keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/freeze.h"
#include "orchestrator/store/site_policy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* An orchestrator that was away for so long that the others may have forgotten its policy writes it again before it
 * counts. */
enum { RENEW_MS = 60000, FORGET_S = 3600, ALARM_MS = 600000 };

/* An alarm is logged when it begins, again while it lasts, and never more often. */
struct alarm {
    bool rings;
    int64_t logged_ms;
};

struct policy_keeper {
    char *orchestrator;
    struct policy_in_force *in_force;
    pthread_mutex_t writing; /* held by the thread that writes */
    bool was_written;        /* of that thread, as the next */
    int64_t written_ms;      /* by clock_boot_ms */
    pthread_mutex_t lock;    /* of the next two */
    char *policy;
    bool is_new;
    struct alarm differs, overdue, frozen;
};

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    TC_CHECK(copy != NULL);
    return copy;
}

struct policy_keeper *policy_keeper_open(const char *orchestrator, const char *policy, struct policy_in_force *in_force)
{
    struct policy_keeper *keeper = calloc(1, sizeof *keeper);
    TC_CHECK(keeper != NULL && pthread_mutex_init(&keeper->lock, NULL) == 0);
    TC_CHECK(pthread_mutex_init(&keeper->writing, NULL) == 0);
    keeper->orchestrator = copy_of(orchestrator);
    keeper->policy = copy_of(policy);
    keeper->is_new = true;
    keeper->in_force = in_force;
    return keeper;
}

void policy_keeper_close(struct policy_keeper *keeper)
{
    if (keeper == NULL)
        return;
    (void)pthread_mutex_destroy(&keeper->lock);
    (void)pthread_mutex_destroy(&keeper->writing);
    free(keeper->orchestrator);
    free(keeper->policy);
    free(keeper);
}

void policy_keeper_replace(struct policy_keeper *keeper, const char *policy)
{
    (void)pthread_mutex_lock(&keeper->lock);
    if (strcmp(keeper->policy, policy) != 0) {
        free(keeper->policy);
        keeper->policy = copy_of(policy);
        keeper->is_new = true;
        policy_in_force_set(keeper->in_force, 0);
    }
    (void)pthread_mutex_unlock(&keeper->lock);
}

/* Returns the policy when it must be written; else NULL. */
static char *take_due(struct policy_keeper *keeper, int64_t now_ms)
{
    (void)pthread_mutex_lock(&keeper->lock);
    bool due = keeper->is_new || now_ms - keeper->written_ms >= RENEW_MS;
    char *policy = due ? copy_of(keeper->policy) : NULL;
    keeper->is_new = false;
    (void)pthread_mutex_unlock(&keeper->lock);
    return policy;
}

/* Another policy may have come meanwhile: that one does not count yet. */
static void note_written(struct policy_keeper *keeper, int64_t since_ms)
{
    keeper->written_ms = since_ms;
    keeper->was_written = true;
    (void)pthread_mutex_lock(&keeper->lock);
    if (!keeper->is_new)
        policy_in_force_set(keeper->in_force, since_ms + INT64_C(1000) * FORGET_S);
    (void)pthread_mutex_unlock(&keeper->lock);
}

static void note_failed(struct policy_keeper *keeper)
{
    (void)pthread_mutex_lock(&keeper->lock);
    keeper->is_new = true;
    (void)pthread_mutex_unlock(&keeper->lock);
}

static enum tc_error write_due(struct policy_keeper *keeper, struct store *store, struct tc_fault *fault)
{
    int64_t now_ms = clock_boot_ms();
    char *policy = take_due(keeper, now_ms);
    if (policy == NULL)
        return TC_OK;
    struct act act = act_begin_own(keeper->orchestrator, "set_policy");
    acts_set(store, &act);
    enum tc_error error = site_policy_write(store, keeper->orchestrator, policy, FORGET_S, fault);
    acts_set(store, NULL);
    free(policy);
    if (error == TC_OK)
        note_written(keeper, now_ms);
    else
        note_failed(keeper);
    return error;
}

enum tc_error policy_keeper_write(struct policy_keeper *keeper, struct store *store, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&keeper->writing);
    enum tc_error error = write_due(keeper, store, fault);
    (void)pthread_mutex_unlock(&keeper->writing);
    return error;
}

/* Returns whether the alarm is to be logged now. */
static bool ring(struct alarm *alarm, bool rings, int64_t now_ms)
{
    bool due = rings && (!alarm->rings || now_ms - alarm->logged_ms >= ALARM_MS);
    alarm->rings = rings;
    if (due)
        alarm->logged_ms = now_ms;
    return due;
}

static void raise_alarms(struct policy_keeper *keeper, const struct policy_alarms *alarms, int64_t now_ms)
{
    metric_set(METRIC_POLICIES, alarms->policies);
    metric_set(METRIC_REVIEWS_PENDING, alarms->pending);
    metric_set(METRIC_REVIEWS_OVERDUE, alarms->overdue);
    if (ring(&keeper->differs, alarms->policies > 1, now_ms))
        LOG_WARNING("policy.differs", F_INT("policies", alarms->policies),
                    F_STR("reason", "orchestrators have different policies: the strictest rule of all counts; give all "
                                    "the same setting policy"));
    bool was_overdue = keeper->overdue.rings;
    if (ring(&keeper->overdue, alarms->overdue > 0, now_ms))
        LOG_WARNING("review.overdue", F_INT("reviews", alarms->overdue), F_INT("review", alarms->review),
                    F_INT("rollout", alarms->rollout), F_STR("due_at", alarms->due_at));
    if (was_overdue && !keeper->overdue.rings)
        LOG_INFO("review.none_overdue");
}

static void raise_freeze_alarms(struct policy_keeper *keeper, const struct freeze_alarms *alarms, int64_t now_ms)
{
    metric_set(METRIC_FREEZES, alarms->in_force);
    metric_set(METRIC_FREEZES_OVERDUE, alarms->overdue);
    bool was_overdue = keeper->frozen.rings;
    if (ring(&keeper->frozen, alarms->overdue > 0, now_ms))
        LOG_WARNING("freeze.overdue", F_INT("freezes", alarms->overdue), F_INT("freeze", alarms->freeze),
                    F_STR("by", alarms->by), F_STR("until", alarms->until));
    if (was_overdue && !keeper->frozen.rings)
        LOG_INFO("freeze.none_overdue");
}

enum tc_error policy_keeper_look_at_alarms(struct policy_keeper *keeper, struct store *store, struct tc_fault *fault)
{
    struct policy_alarms alarms;
    struct freeze_alarms freezes;
    enum tc_error error = site_policy_read_alarms(store, &alarms, fault);
    if (error == TC_OK)
        error = freeze_read_alarms(store, &freezes, fault);
    if (error != TC_OK)
        return error;
    raise_alarms(keeper, &alarms, clock_monotonic_ms());
    raise_freeze_alarms(keeper, &freezes, clock_monotonic_ms());
    return error;
}

void policy_keeper_leave(struct policy_keeper *keeper, struct store *store)
{
    struct tc_fault fault;
    if (keeper == NULL || store == NULL || !keeper->was_written)
        return;
    policy_in_force_set(keeper->in_force, 0);
    struct act act = act_begin_own(keeper->orchestrator, "leave_policy");
    acts_set(store, &act);
    enum tc_error error = site_policy_leave(store, keeper->orchestrator, &fault);
    acts_set(store, NULL);
    if (error != TC_OK)
        LOG_WARNING("policy.not_left", F_STR("reason", fault.text));
}
