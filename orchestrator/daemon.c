#include "orchestrator/daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/directory/guard_answer.h"
#include "orchestrator/dispatcher/dispatcher.h"
#include "orchestrator/health.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/keys/key_keeper.h"
#include "orchestrator/migration.h"
#include "orchestrator/planner/planner.h"
#include "orchestrator/preparation/preview.h"
#include "orchestrator/queues/pool.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/renewal.h"
#include "orchestrator/scheduler/scheduler.h"
#include "orchestrator/updater/updater.h"
#include "orchestrator/watermark/keeper.h"
#include "orchestrator/worker/ending.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Submissions are few, and each can be a megabyte. */
enum { SUBMISSIONS_LIMIT = 64, ASK_THREADS = 2, KEY_WAIT_MS = 20 };

struct daemon {
    const struct daemon_settings *settings;
    struct daemon_identity identity;
    struct key_keeper *keys;
    struct cache_config cache;

    struct batch_queue *submissions, *expander_wakes, *scheduler_wakes, *conductor_wakes, *asks, *pool;
    struct update_queues updates;

    struct store_guard *guard;
    struct health *health;
    struct renewal *renewal;
    struct store_pool *stores;
    struct guard_answer *guard_answer; /* NULL: the broker has no guard */
    struct intake *intake;
    struct broker *broker;
    atomic_bool broker_is_new;          /* for the conductor */
    _Atomic int64_t state_requested_ms; /* see orchestrator/conductor/conductor.h */
    struct store_clock clock;
    struct calendars *calendars;
    struct preview_config preview;
    struct planner *planner;
    struct updater *updater;
    struct dispatcher *dispatcher;
    struct conductor *conductor;
    struct scheduler *scheduler;
    struct keeper *keeper;
};

static void open_queues(struct daemon *daemon)
{
    const struct daemon_settings *settings = daemon->settings;
    size_t limit = (size_t)settings->queue_limit;
    daemon->submissions = batch_queue_open(sizeof(struct submission *), SUBMISSIONS_LIMIT);
    daemon->expander_wakes = batch_queue_open(1, 1);
    daemon->scheduler_wakes = batch_queue_open(1, 1);
    daemon->conductor_wakes = batch_queue_open(1, 1);
    daemon->asks = ask_queue_open(limit);
    daemon->pool = batch_queue_open(sizeof(struct pool_batch), POOL_BATCHES);

    daemon->updates.count = (int)settings->updater_threads;
    daemon->updates.queues = calloc((size_t)daemon->updates.count, sizeof(struct batch_queue *));
    TC_CHECK(daemon->updates.queues != NULL);
    for (int i = 0; i < daemon->updates.count; i++)
        daemon->updates.queues[i] = update_queue_open(limit / (size_t)daemon->updates.count + 1, daemon->updates.count);
}

static void free_queues(struct daemon *daemon)
{
    for (int i = 0; i < daemon->updates.count; i++)
        batch_queue_free(daemon->updates.queues[i]);
    free(daemon->updates.queues);
    batch_queue_free(daemon->pool);
    batch_queue_free(daemon->asks);
    batch_queue_free(daemon->conductor_wakes);
    batch_queue_free(daemon->scheduler_wakes);
    batch_queue_free(daemon->expander_wakes);
    batch_queue_free(daemon->submissions);
}

/* On the receiver's thread: only copies into a queue, and waits while that is full. One device alone cannot fill it. */
static void receive(void *context, const struct broker_message *message)
{
    struct daemon *daemon = context;
    switch (message->topic.kind) {
    case TOPIC_ASK: (void)queued_ask_put(daemon->asks, message->topic.device, message->payload, message->length); break;
    case TOPIC_REPLY:
        (void)update_put_report(&daemon->updates, message->topic.device, message->payload, message->length);
        break;
    case TOPIC_SUBMIT:
    case TOPIC_SUBMIT_AS: intake_message(daemon->intake, message); break;
    case TOPIC_GUARD: guard_answer_take(daemon->guard_answer, message->payload, message->length); break;
    default: break; /* no other subscriptions */
    }
}

static void notice_connection(void *context, bool connected)
{
    struct daemon *daemon = context;
    if (!connected)
        return;
    daemon->broker_is_new = true;
    batch_queue_wake(daemon->conductor_wakes);
}

static enum tc_error open_endpoints(struct daemon *daemon, struct tc_fault *fault)
{
    const struct daemon_settings *settings = daemon->settings;
    struct intake_config intake = {
        .settings = settings,
        .submissions = daemon->submissions,
        .scheduler_wakes = daemon->scheduler_wakes,
        .conductor_wakes = daemon->conductor_wakes,
        .shard = daemon->identity.first_shard + SHARD_INTAKE,
        .stores = daemon->stores,
        .preview = &daemon->preview,
        .guard_answer = daemon->guard_answer,
        .describe_health = health_describe,
        .fleet_changed = health_request_fleet_check,
        .context = daemon->health,
    };
    renewal_set_intake(daemon->renewal, &intake);
    return intake_open(&intake, &daemon->intake, fault);
}

static enum tc_error open_planner(struct daemon *daemon, struct tc_fault *fault)
{
    const struct planner_config planner = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .prepare = {.public_url = daemon->identity.public_url, .calendars = daemon->calendars},
        .default_per_minute = daemon->settings->default_per_minute,
        .submissions = daemon->submissions,
        .wakes = daemon->expander_wakes,
        .planned = daemon->scheduler_wakes,
    };
    return planner_open(&planner, &daemon->planner, fault);
}

static enum tc_error open_broker(struct daemon *daemon, struct tc_fault *fault)
{
    static const struct broker_subscription subscriptions[] = {
        {.kind = TOPIC_ASK, .shared = true, .qos = 0},     {.kind = TOPIC_REPLY, .shared = true, .qos = 1},
        {.kind = TOPIC_SUBMIT, .shared = true, .qos = 1},  {.kind = TOPIC_SUBMIT_AS, .shared = true, .qos = 1},
        {.kind = TOPIC_GUARD, .retained = true, .qos = 1}, /* last: only with a guard */
    };
    enum { SUBSCRIPTIONS = sizeof subscriptions / sizeof *subscriptions };
    struct broker_config broker = {
        .client_id = daemon->identity.instance,
        .topic_root = daemon->settings->topic_root,
        .share_name = daemon->identity.share_name,
        .subscriptions = subscriptions,
        .subscription_count = daemon->guard_answer == NULL ? SUBSCRIPTIONS - 1 : SUBSCRIPTIONS,
        .received = receive,
        .connection_changed = notice_connection,
        .context = daemon,
    };
    daemon_setup_broker(daemon->settings, &daemon->identity, &broker);
    renewal_set_broker(daemon->renewal, &broker);
    return broker_open(&broker, &daemon->broker, fault);
}

static enum tc_error open_updater(struct daemon *daemon, struct tc_fault *fault)
{
    const struct updater_config updater = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .cache = &daemon->cache,
        .broker = daemon->broker,
        .first_shard = daemon->identity.first_shard + SHARD_UPDATER,
        .batch = daemon->settings->updater_batch,
        .linger_ms = daemon->settings->updater_linger_ms,
        .queues = &daemon->updates,
    };
    return updater_open(&updater, &daemon->updater, fault);
}

static enum tc_error open_dispatcher(struct daemon *daemon, struct tc_fault *fault)
{
    const struct dispatcher_config dispatcher = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .cache = &daemon->cache,
        .instance = daemon->identity.instance,
        .broker = daemon->broker,
        .keys = key_keeper_ring(daemon->keys),
        .clock = &daemon->clock,
        .validity_ms = daemon->settings->instruction_validity_ms,
        .ask_threads = ASK_THREADS,
        .ask_batch = daemon->settings->ask_batch,
        .asks = daemon->asks,
        .pool = daemon->pool,
        .updates = &daemon->updates,
        .state_requested_ms = &daemon->state_requested_ms,
    };
    return dispatcher_open(&dispatcher, &daemon->dispatcher, fault);
}

static enum tc_error open_conductor(struct daemon *daemon, struct tc_fault *fault)
{
    const struct conductor_config conductor = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .cache = &daemon->cache,
        .broker = daemon->broker,
        .instance = daemon->identity.instance,
        .shard = daemon->identity.first_shard + SHARD_CONDUCTOR,
        .period_ms = daemon->settings->conductor_period_ms,
        .progress_period_ms = daemon->settings->progress_period_ms,
        .lease_ms = daemon->settings->lease_ms,
        .default_per_minute = daemon->settings->default_per_minute,
        .clock = &daemon->clock,
        .wakes = daemon->conductor_wakes,
        .broker_is_new = &daemon->broker_is_new,
        .state_requested_ms = &daemon->state_requested_ms,
        .pool = daemon->pool,
        .planned = daemon->scheduler_wakes,
        .submissions = daemon->submissions,
        .guard_answer = daemon->guard_answer,
    };
    return conductor_open(&conductor, &daemon->conductor, fault);
}

static enum tc_error open_scheduler(struct daemon *daemon, struct tc_fault *fault)
{
    const struct scheduler_config scheduler = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .cache = &daemon->cache,
        .instance = daemon->identity.instance,
        .shard = daemon->identity.first_shard + SHARD_SCHEDULER,
        .period_ms = daemon->settings->scheduler_period_ms,
        .lease_ms = daemon->settings->lease_ms,
        .claim_batch = daemon->settings->claim_batch,
        .pull_wait_ms = daemon->settings->pull_wait_ms,
        .default_per_minute = daemon->settings->default_per_minute,
        .wakes = daemon->scheduler_wakes,
        .pool = daemon->pool,
    };
    return scheduler_open(&scheduler, &daemon->scheduler, fault);
}

/* What pull clients find on their topics must be signed anew: the conductor publishes all of it again. */
static void sign_again(void *context)
{
    notice_connection(context, true);
}

static enum tc_error open_keys(struct daemon *daemon, struct tc_fault *fault)
{
    const struct key_keeper_config keys = {
        .database = daemon->settings->database,
        .folder = daemon->settings->data_folder,
        .name = daemon->identity.name,
        .overlap_ms = daemon->settings->keys_overlap_ms,
        .guard = daemon->guard,
        .key_changed = sign_again,
        .context = daemon,
    };
    return key_keeper_open(&keys, &daemon->keys, fault);
}

/* An orchestrator whose key no device trusts yet takes no asks: the others answer them. */
static enum tc_error wait_for_key(struct daemon *daemon, struct tc_fault *fault)
{
    enum tc_error error = key_keeper_start(daemon->keys, fault);
    while (error == TC_OK && !key_keeper_is_needed(daemon->keys)) {
        if (daemon_setup_is_asked_to_stop())
            error = tc_fault_set(fault, TC_TIMEOUT, "asked to stop while waiting for a signing key that devices trust");
        (void)nanosleep(&(struct timespec){.tv_nsec = KEY_WAIT_MS * 1000000L}, NULL);
    }
    return error;
}

static enum tc_error open_keeper(struct daemon *daemon, struct tc_fault *fault)
{
    const struct keeper_config keeper = {
        .database = daemon->settings->database,
        .folder = daemon->settings->data_folder,
        .name = daemon->identity.name,
        .guard = daemon->guard,
    };
    enum tc_error error = keeper_open(&keeper, &daemon->keeper, fault);
    if (error == TC_OK)
        health_watch_keeper(daemon->health, daemon->keeper);
    return error;
}

/* Opens the parts that need the schema, consumers of work before its producers. */
static enum tc_error open_parts(struct daemon *daemon, struct tc_fault *fault)
{
    enum tc_error error = open_broker(daemon, fault);
    if (error != TC_OK)
        return error;
    intake_use_broker(daemon->intake, daemon->broker);
    health_watch_broker(daemon->health, daemon->broker);
    error = open_updater(daemon, fault);
    if (error == TC_OK)
        error = open_dispatcher(daemon, fault);
    if (error == TC_OK)
        error = open_conductor(daemon, fault);
    if (error == TC_OK)
        error = open_scheduler(daemon, fault);
    if (error == TC_OK)
        error = open_planner(daemon, fault);
    return error;
}

enum tc_error daemon_open(const struct daemon_settings *settings, struct daemon **daemon, struct tc_fault *fault)
{
    struct daemon *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->settings = settings;
    open_queues(opened);
    opened->calendars = calendars_open(settings->calendars);
    if (strcmp(settings->broker_guard, "tellercast") == 0)
        opened->guard_answer = guard_answer_open();
    enum tc_error error = daemon_setup_identity(settings, &opened->identity, fault);
    daemon_setup_cache(settings, &opened->identity, &opened->cache);
    if (error == TC_OK)
        error = daemon_setup_guard(settings, &opened->guard, fault);
    if (error == TC_OK)
        error = health_open(settings->database, settings->broker_user, &opened->cache, opened->guard, &opened->health,
                            fault);
    if (error == TC_OK)
        error = store_pool_open(settings->database, INTAKE_JOB_THREADS, opened->guard, &opened->stores, fault);
    opened->preview = (struct preview_config){
        .prepare = {.public_url = opened->identity.public_url, .calendars = opened->calendars},
        .default_per_minute = settings->default_per_minute,
    };
    if (error == TC_OK)
        error = renewal_open(settings, &opened->renewal, fault);
    if (error == TC_OK)
        error = open_endpoints(opened, fault);
    /* The first lasting effect: invalid settings leave nothing behind. */
    if (error == TC_OK)
        error = open_keys(opened, fault);
    if (error == TC_OK)
        error = migration_await(settings, opened->guard, &opened->clock, fault);
    if (error == TC_OK)
        error = open_keeper(opened, fault);
    if (error == TC_OK)
        error = wait_for_key(opened, fault);
    if (error == TC_OK)
        error = open_parts(opened, fault);
    if (error != TC_OK) {
        daemon_close(opened);
        return error;
    }
    health_set_started(opened->health);
    LOG_INFO("daemon.started", F_STR("instance", opened->identity.instance), F_STR("version", TELLERCAST_VERSION));
    *daemon = opened;
    return TC_OK;
}

void daemon_close(struct daemon *daemon)
{
    if (daemon->intake != NULL)
        intake_stop(daemon->intake);
    scheduler_close(daemon->scheduler);
    planner_close(daemon->planner);
    submissions_drop(daemon->submissions);
    conductor_close(daemon->conductor);
    updater_end_soon(daemon->updater);
    dispatcher_close(daemon->dispatcher);
    updater_close(daemon->updater);
    if (daemon->health != NULL) {
        health_watch_broker(daemon->health, NULL);
        health_watch_keeper(daemon->health, NULL);
    }
    if (daemon->broker != NULL)
        broker_close(daemon->broker, END_BROKER_MS);
    intake_close(daemon->intake);
    renewal_close(daemon->renewal);
    keeper_close(daemon->keeper);
    store_pool_close(daemon->stores);
    health_close(daemon->health);
    guard_answer_close(daemon->guard_answer);
    key_keeper_close(daemon->keys);
    store_guard_close(daemon->guard);
    calendars_free(daemon->calendars);
    daemon_setup_free(&daemon->identity);
    free_queues(daemon);
    free(daemon);
}

void daemon_reload(struct daemon *daemon, const struct daemon_settings *fresh)
{
    calendars_replace(daemon->calendars, fresh->calendars);
    struct tc_fault fault;
    if (intake_reload(daemon->intake, &fault) != TC_OK)
        LOG_ERROR("tokens.refused", F_STR("reason", fault.text));
}

void daemon_watch_certificates(struct daemon *daemon)
{
    renewal_watch(daemon->renewal, daemon->broker, daemon->intake);
}

bool daemon_is_alive(const struct daemon *daemon, int64_t most_ms, const char **part)
{
    const struct {
        const char *name;
        int64_t last_ms;
    } parts[] = {
        {"planner", planner_last_progress_ms(daemon->planner)},
        {"scheduler", scheduler_last_progress_ms(daemon->scheduler)},
        {"dispatcher", dispatcher_last_progress_ms(daemon->dispatcher)},
        {"updater", updater_last_progress_ms(daemon->updater)},
        {"conductor", conductor_last_progress_ms(daemon->conductor)},
        {"watermark", keeper_last_progress_ms(daemon->keeper)},
        {"keys", key_keeper_last_progress_ms(daemon->keys)},
    };
    health_watch(daemon->health);
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *part = parts[i].name;
        if (now_ms - parts[i].last_ms > most_ms)
            return false;
    }
    return true;
}
