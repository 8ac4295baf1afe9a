#include "orchestrator/daemon_parts.h"

#include "orchestrator/administration.h"

enum { ASK_THREADS = 2 };

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

/* They post once this orchestrator conducts. */
enum tc_error daemon_parts_open_webhooks(struct daemon *daemon, struct tc_fault *fault)
{
    const struct webhooks_config webhooks = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .conducting_epoch = &daemon->conducting_epoch,
        .allows_loopback = daemon->settings->insecure_loopback,
    };
    return webhooks_open(&webhooks, daemon->settings->webhooks, &daemon->webhooks, fault);
}

enum tc_error daemon_parts_open_endpoints(struct daemon *daemon, struct tc_fault *fault)
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
        .people = daemon->people,
        .provider = daemon->provider,
        .recorder = daemon->recorder,
        .describe_health = health_describe,
        .fleet_changed = health_request_fleet_check,
        .describe_webhooks = webhooks_describe,
        .webhooks = daemon->webhooks,
        .context = daemon->health,
    };
    renewal_set_intake(daemon->renewal, &intake);
    return intake_open(&intake, &daemon->intake, fault);
}

enum tc_error daemon_parts_open_planner(struct daemon *daemon, struct tc_fault *fault)
{
    const struct planner_config planner = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .prepare = {.public_url = daemon->identity.public_url, .calendars = daemon->calendars},
        .instance = daemon->identity.instance,
        .policy = daemon->settings->policy,
        .policy_in_force = &daemon->policy_in_force,
        .default_per_minute = daemon->settings->default_per_minute,
        .submissions = daemon->submissions,
        .wakes = daemon->expander_wakes,
        .planned = daemon->scheduler_wakes,
    };
    health_watch_people(daemon->health, daemon->people, &daemon->policy_in_force);
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
        .client_id = daemon->identity.client_id,
        .client_digits = daemon->identity.client_digits[0] == '\0' ? NULL : daemon->identity.client_digits,
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
        .ask_linger_ms = daemon->settings->ask_linger_ms,
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
        .log_retention_ms = daemon->settings->log_retention_ms,
        .log_size_limit = daemon->settings->log_size_limit,
        .event_retention_ms = daemon->settings->event_retention_ms,
        .event_limit = daemon->settings->event_limit,
        .default_per_minute = daemon->settings->default_per_minute,
        .clock = &daemon->clock,
        .wakes = daemon->conductor_wakes,
        .broker_is_new = &daemon->broker_is_new,
        .state_requested_ms = &daemon->state_requested_ms,
        .conducting_epoch = &daemon->conducting_epoch,
        .pool = daemon->pool,
        .planned = daemon->scheduler_wakes,
        .submissions = daemon->submissions,
        .guard_answer = daemon->guard_answer,
    };
    return conductor_open(&conductor, &daemon->conductor, fault);
}

static enum tc_error open_presence(struct daemon *daemon, struct tc_fault *fault)
{
    struct presence_config presence = {
        .database = daemon->settings->database,
        .guard = daemon->guard,
        .broker = {.topic_root = daemon->settings->topic_root},
        .instance = daemon->identity.instance,
        .batch = daemon->settings->updater_batch,
        .queue_limit = daemon->settings->queue_limit,
        .conducting_epoch = &daemon->conducting_epoch,
    };
    daemon_setup_broker(daemon->settings, &daemon->identity, &presence.broker);
    renewal_set_broker(daemon->renewal, &presence.broker);
    return presence_open(&presence, &daemon->presence, fault);
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

enum tc_error daemon_parts_open_keys(struct daemon *daemon, struct tc_fault *fault)
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
    enum tc_error error = key_keeper_open(&keys, &daemon->keys, fault);
    if (error == TC_OK)
        health_watch_keys(daemon->health, daemon->keys);
    return error;
}

enum tc_error daemon_parts_open_keeper(struct daemon *daemon, struct tc_fault *fault)
{
    const struct keeper_config keeper = {
        .database = daemon->settings->database,
        .folder = daemon->settings->data_folder,
        .name = daemon->identity.name,
        .guard = daemon->guard,
        .accepted = daemon->expander_wakes, /* to write the policy of the site */
    };
    enum tc_error error = keeper_open(&keeper, &daemon->keeper, fault);
    if (error == TC_OK)
        health_watch_keeper(daemon->health, daemon->keeper);
    return error;
}

enum tc_error daemon_parts_open_provider(struct daemon *daemon, struct tc_fault *fault)
{
    struct provider_config provider;
    daemon_setup_provider(daemon->settings, &provider);
    return provider_open(&provider, &daemon->provider, fault);
}

enum tc_error daemon_parts_start_people(struct daemon *daemon, struct tc_fault *fault)
{
    enum tc_error error = administration_import_tokens(daemon->settings, daemon->identity.name, daemon->guard, fault);
    if (error == TC_OK)
        error = people_start(daemon->people, fault);
    return error == TC_OK ? recorder_start(daemon->recorder, fault) : error;
}

enum tc_error daemon_parts_open_workers(struct daemon *daemon, struct tc_fault *fault)
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
        error = open_presence(daemon, fault);
    if (error == TC_OK)
        error = open_scheduler(daemon, fault);
    if (error == TC_OK)
        error = gauges_keeper_open(daemon->settings->database, &daemon->gauges, fault);
    return error;
}
