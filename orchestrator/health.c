#include "orchestrator/health.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/store/read.h"
#include "orchestrator/store/store.h"
#include "orchestrator/wording/finding_words.h"
#include "orchestrator/worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PERIOD_MS = 1000,
    NO_ANSWER_MS = 10000,
    MS_PER_SECOND = 1000,
    FLEET_PERIOD_MS = 300000,
    FLEET_WARNINGS_SIZE = 1024
};

/* A task done once a second on a thread of its own. */
struct timer {
    struct batch_queue *wakes;
    struct worker *worker;
};

struct health {
    struct store *store, *fleet_store;
    char *broker_user;
    int64_t fleet_checked_ms;  /* monotonic; 0: not yet */
    atomic_bool fleet_changed; /* since then */
    struct store_guard *guard;
    struct cache *cache;
    struct timer server_checks, fleet_checks, silence;

    pthread_mutex_t mutex; /* of all fields below */
    struct broker *broker;
    const struct keeper *keeper;
    const struct key_keeper *keys;
    struct people *people;
    const struct policy_in_force *policy;
    bool started;
    int64_t check_began_ms; /* monotonic; 0: none is running */
    bool no_answer_logged;
    struct intake_health seen;
};

static void put_fault(char *text, size_t size, enum tc_error error, const struct tc_fault *fault)
{
    /* A text too long for /readyz is cut; the precision tells the compiler so. */
    (void)snprintf(text, size, "%.*s", (int)size - 1, error == TC_OK ? "ok" : fault->text);
}

/* /readyz is public, so it does not say where the servers are; the log does. */
static void put_database(struct health *health, enum tc_error error, struct tc_fault *fault)
{
    if (error != TC_OK && store_was_not_reached(health->store)) {
        bool is_reached = strstr(fault->text, "read-only") != NULL;
        (void)tc_fault_set(fault, error, "database: %s", is_reached ? "its sessions are read-only" : "does not answer");
    }
    put_fault(health->seen.database, sizeof health->seen.database, error, fault);
}

static void put_cache(struct health *health, enum tc_error error, struct tc_fault *fault)
{
    const char *after_address = strstr(fault->text, ": ");
    if (error != TC_OK && after_address != NULL) {
        const struct tc_fault whole = *fault;
        (void)tc_fault_set(fault, error, "redis%s", whole.text + (after_address - fault->text));
    }
    put_fault(health->seen.cache, sizeof health->seen.cache, error, fault);
}

/* Reads the whole fleet: so it runs rarely, on a thread of its own. */
static void check_fleet(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct health *health = context;
    (void)pthread_mutex_lock(&health->mutex);
    bool migrated = health->started;
    (void)pthread_mutex_unlock(&health->mutex);
    int64_t now_ms = clock_monotonic_ms();
    struct buffer warnings = {0};
    bool is_due = health->fleet_checked_ms == 0 || now_ms - health->fleet_checked_ms >= FLEET_PERIOD_MS;
    if (!migrated || (!atomic_exchange(&health->fleet_changed, false) && !is_due))
        return;
    struct fleet_warning found[FLEET_WARNING_COUNT];
    if (read_fleet_warnings(health->fleet_store, health->broker_user, found, NULL) == TC_OK) {
        fleet_warnings_write(found, &warnings);
        health->fleet_checked_ms = now_ms;
        (void)pthread_mutex_lock(&health->mutex);
        bool has_changed = strcmp(health->seen.warnings, buffer_text(&warnings)) != 0;
        if (warnings.length < FLEET_WARNINGS_SIZE)
            (void)snprintf(health->seen.warnings, sizeof health->seen.warnings, "%s", buffer_text(&warnings));
        (void)pthread_mutex_unlock(&health->mutex);
        if (has_changed && strcmp(buffer_text(&warnings), "[]") != 0)
            LOG_WARNING("fleet.warnings", F_STR("warnings", buffer_text(&warnings)));
    } else {
        health->fleet_checked_ms = 0; /* again at the next period */
    }
    buffer_free(&warnings);
}

static void check_servers(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct health *health = context;
    struct tc_fault database = {0}, cache = {0};
    (void)pthread_mutex_lock(&health->mutex);
    bool migrated = health->started;
    health->check_began_ms = clock_monotonic_ms();
    (void)pthread_mutex_unlock(&health->mutex);
    enum tc_error database_error = store_probe(health->store, migrated, &database);
    enum tc_error cache_error = cache_probe(health->cache, &cache);

    (void)pthread_mutex_lock(&health->mutex);
    health->check_began_ms = 0;
    health->no_answer_logged = false;
    put_database(health, database_error, &database);
    put_cache(health, cache_error, &cache);
    health->seen.ready = database_error == TC_OK && cache_error == TC_OK;
    (void)pthread_mutex_unlock(&health->mutex);
}

static void end_silent_waits(void *context, void *thread_state, void *items, size_t count)
{
    (void)context, (void)thread_state, (void)items, (void)count;
    store_end_silent_waits();
}

/* A server that hangs blocks the check itself. Redis is asked with a timeout, so it is the database that hangs. */
static void notice_no_answer(struct health *health)
{
    int64_t took_ms = clock_monotonic_ms() - health->check_began_ms;
    if (health->check_began_ms == 0 || took_ms < NO_ANSWER_MS)
        return;
    health->seen.ready = false;
    (void)snprintf(health->seen.database, sizeof health->seen.database, "database: no answer for %lld s",
                   (long long)(took_ms / MS_PER_SECOND));
    if (!health->no_answer_logged)
        LOG_WARNING("database.no_answer", F_INT("after_ms", took_ms));
    health->no_answer_logged = true;
}

void health_watch(struct health *health)
{
    (void)pthread_mutex_lock(&health->mutex);
    notice_no_answer(health);
    (void)pthread_mutex_unlock(&health->mutex);
}

static void put_first(const char *text, struct intake_health *description)
{
    char others[sizeof description->warnings];
    (void)snprintf(others, sizeof others, "%s", description->warnings);
    bool is_alone = others[0] == '\0' || strcmp(others, "[]") == 0;
    int length = snprintf(description->warnings, sizeof description->warnings, "[\"%s\"%s%s", text, is_alone ? "" : ",",
                          is_alone ? "]" : others + 1);
    TC_CHECK(length > 0 && (size_t)length < sizeof description->warnings);
}

/* These come before the warnings of the fleet: they are more serious. */
static void warn_of_keepers(const struct health *health, struct intake_health *description)
{
    if (health->keys != NULL && key_keeper_is_missing_key(health->keys))
        put_first("no key of this orchestrator may sign, so it sends no instruction: see tellercast key list",
                  description);
    if (health->keeper != NULL && !keeper_is_written(health->keeper))
        put_first("the watermark cannot be written to data_folder: a restore of the database might not be noticed; see "
                  "watermark.not_written in the log",
                  description);
}

void health_describe(void *context, struct intake_health *description)
{
    struct health *health = context;
    (void)pthread_mutex_lock(&health->mutex);
    notice_no_answer(health);
    *description = health->seen;
    warn_of_keepers(health, description);
    if (health->broker != NULL)
        broker_describe(health->broker, description->broker, sizeof description->broker);
    else
        (void)snprintf(description->broker, sizeof description->broker, "not connected yet");
    bool broker_is_ok = description->broker[0] == '\0';
    if (broker_is_ok)
        (void)snprintf(description->broker, sizeof description->broker, "ok");
    struct tc_fault refusal = {0};
    enum tc_error allowed = store_guard_check(health->guard, &refusal);
    if (allowed == TC_OK)
        allowed = policy_in_force_check(health->policy, &refusal);
    if (allowed == TC_OK && health->people != NULL)
        allowed = people_check(health->people, &refusal);
    if (allowed != TC_OK && strcmp(description->database, "ok") == 0)
        put_fault(description->database, sizeof description->database, allowed, &refusal);
    description->ready = description->ready && allowed == TC_OK && health->started && broker_is_ok;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_request_fleet_check(void *context)
{
    struct health *health = context;
    atomic_store(&health->fleet_changed, true);
    batch_queue_wake(health->fleet_checks.wakes);
}

void health_watch_broker(struct health *health, struct broker *broker)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->broker = broker;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_watch_keeper(struct health *health, const struct keeper *keeper)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->keeper = keeper;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_watch_keys(struct health *health, const struct key_keeper *keys)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->keys = keys;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_watch_people(struct health *health, struct people *people, const struct policy_in_force *policy)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->people = people;
    health->policy = policy;
    (void)pthread_mutex_unlock(&health->mutex);
}

void health_set_started(struct health *health)
{
    (void)pthread_mutex_lock(&health->mutex);
    health->started = true;
    (void)pthread_mutex_unlock(&health->mutex);
}

static enum tc_error start_timer(struct health *health, const char *name,
                                 void (*handle)(void *context, void *thread_state, void *items, size_t count),
                                 struct timer *timer, struct tc_fault *fault)
{
    timer->wakes = batch_queue_open(1, 1);
    batch_queue_wake(timer->wakes);
    const struct worker_config config = {.name = name,
                                         .queue = timer->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = PERIOD_MS,
                                         .handle = handle,
                                         .context = health};
    return worker_start(&config, &timer->worker, fault);
}

static void stop_timer(struct timer *timer)
{
    worker_stop(timer->worker);
    if (timer->wakes != NULL)
        batch_queue_free(timer->wakes);
}

enum tc_error health_open(const char *database, const char *broker_user, const struct cache_config *cache,
                          struct store_guard *guard, struct health **health, struct tc_fault *fault)
{
    struct health *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL && pthread_mutex_init(&opened->mutex, NULL) == 0);
    (void)snprintf(opened->seen.database, sizeof opened->seen.database, "not checked yet");
    (void)snprintf(opened->seen.cache, sizeof opened->seen.cache, "not checked yet");
    opened->guard = guard;
    opened->broker_user = strdup(broker_user);
    TC_CHECK(opened->broker_user != NULL);
    enum tc_error error = store_open(database, "tellercastd health", &opened->store, fault);
    if (error == TC_OK)
        error = store_open(database, "tellercastd fleet", &opened->fleet_store, fault);
    if (error == TC_OK)
        error = cache_open(cache, &opened->cache, fault);
    if (error == TC_OK)
        error = start_timer(opened, "silence", end_silent_waits, &opened->silence, fault);
    if (error == TC_OK)
        error = start_timer(opened, "fleet", check_fleet, &opened->fleet_checks, fault);
    if (error == TC_OK)
        error = start_timer(opened, "health", check_servers, &opened->server_checks, fault);
    if (error != TC_OK) {
        health_close(opened);
        return error;
    }
    *health = opened;
    return TC_OK;
}

void health_close(struct health *health)
{
    if (health == NULL)
        return;
    stop_timer(&health->server_checks);
    stop_timer(&health->fleet_checks);
    stop_timer(&health->silence);
    cache_close(health->cache);
    store_close(health->fleet_store);
    store_close(health->store);
    free(health->broker_user);
    (void)pthread_mutex_destroy(&health->mutex);
    free(health);
}
