#include "orchestrator/daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/daemon_parts.h"
#include "orchestrator/daemon_queues.h"
#include "orchestrator/daemon_state.h"
#include "orchestrator/migration.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/worker/ending.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_WAIT_MS = 20 };

/* An orchestrator whose key no device trusts yet takes no asks: the others answer them. */
static enum tc_error wait_for_key(struct daemon *daemon, struct tc_fault *fault)
{
    enum tc_error error = key_keeper_start(daemon->keys, fault);
    while (error == TC_OK && !key_keeper_is_needed(daemon->keys)) {
        if (daemon_setup_is_asked_to_stop())
            error = tc_fault_set(fault, TC_TIMEOUT, "asked to stop while waiting for a signing key that devices trust");
        clock_sleep_ms(KEY_WAIT_MS);
    }
    return error;
}

static enum tc_error open_name_keeper(struct daemon *daemon, struct tc_fault *fault)
{
    const struct name_keeper_config config = {
        .database = daemon->settings->database,
        .name = daemon->identity.name,
        .instance = daemon->identity.instance,
        .lease_ms = daemon->settings->lease_ms,
        .is_asked_to_stop = daemon_setup_is_asked_to_stop,
    };
    return name_keeper_open(&config, &daemon->name_keeper, fault);
}

enum tc_error daemon_open(const struct daemon_settings *settings, struct daemon **daemon, struct tc_fault *fault)
{
    struct daemon *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->settings = settings;
    daemon_queues_open(opened);
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
    if (error == TC_OK)
        store_pool_use_policy(opened->stores, &opened->policy_in_force);
    if (error == TC_OK)
        error = people_open(&(struct people_config){settings->database, opened->guard}, &opened->people, fault);
    if (error == TC_OK && settings->oidc_issuer[0] != '\0')
        error = daemon_parts_open_provider(opened, fault);
    if (error == TC_OK)
        error = recorder_open(&(struct recorder_config){settings->database, opened->guard}, &opened->recorder, fault);
    opened->preview = (struct preview_config){
        .prepare = {.public_url = opened->identity.public_url, .calendars = opened->calendars},
        .default_per_minute = settings->default_per_minute,
    };
    if (error == TC_OK)
        error = renewal_open(settings, &opened->renewal, fault);
    if (error == TC_OK)
        error = daemon_parts_open_webhooks(opened, fault);
    if (error == TC_OK)
        error = daemon_parts_open_endpoints(opened, fault);
    /* The first lasting effect: invalid settings leave nothing behind. */
    if (error == TC_OK)
        error = daemon_parts_open_keys(opened, fault);
    if (error == TC_OK)
        error = migration_await(settings, opened->guard, &opened->clock, fault);
    if (error == TC_OK && settings->instance[0] != '\0')
        error = open_name_keeper(opened, fault);
    if (error == TC_OK)
        error = daemon_parts_open_keeper(opened, fault);
    if (error == TC_OK)
        error = wait_for_key(opened, fault);
    /* It writes the policy as soon as the database is accepted; what the policy decides waits until then. */
    if (error == TC_OK)
        error = daemon_parts_open_planner(opened, fault);
    if (error == TC_OK)
        error = daemon_parts_start_people(opened, fault);
    if (error == TC_OK)
        error = daemon_parts_open_workers(opened, fault);
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
    provider_stop(daemon->provider);
    if (daemon->intake != NULL)
        intake_stop(daemon->intake);
    scheduler_close(daemon->scheduler);
    planner_close(daemon->planner);
    submissions_drop(daemon->submissions);
    webhooks_end(daemon->webhooks); /* these two before the lease is given up */
    presence_close(daemon->presence);
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
    name_keeper_close(daemon->name_keeper); /* when its client ID is free */
    intake_close(daemon->intake);
    webhooks_close(daemon->webhooks);
    renewal_close(daemon->renewal);
    gauges_keeper_close(daemon->gauges);
    keeper_close(daemon->keeper);
    provider_close(daemon->provider);
    recorder_close(daemon->recorder);
    people_close(daemon->people);
    store_pool_close(daemon->stores);
    health_close(daemon->health);
    guard_answer_close(daemon->guard_answer);
    key_keeper_close(daemon->keys);
    store_guard_close(daemon->guard);
    calendars_free(daemon->calendars);
    daemon_setup_free(&daemon->identity);
    daemon_queues_free(daemon);
    free(daemon);
}

/* No values: they may have a password. */
static void name_what_needs_a_restart(const struct daemon_settings *running, const struct daemon_settings *fresh)
{
    for (size_t i = 0; i < daemon_settings_table.count; i++) {
        const struct setting *row = &daemon_settings_table.rows[i];
        if (!row->reloads && setting_differs(row, running, fresh))
            LOG_WARNING("settings.restart_needed", F_STR("name", row->key),
                        F_STR("reason", "it is read at the start alone; the value of the start stays in force"));
    }
}

void daemon_reload(struct daemon *daemon, const struct daemon_settings *fresh)
{
    calendars_replace(daemon->calendars, fresh->calendars);
    planner_replace_policy(daemon->planner, fresh->policy);
    webhooks_replace(daemon->webhooks, fresh->webhooks);
    name_what_needs_a_restart(daemon->settings, fresh);
}

void daemon_watch_certificates(struct daemon *daemon)
{
    renewal_watch(daemon->renewal, daemon->broker, daemon->intake);
}

bool daemon_has_lost_its_name(const struct daemon *daemon)
{
    return name_keeper_has_lost(daemon->name_keeper);
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
        {"presence", presence_last_progress_ms(daemon->presence)},
        {"watermark", keeper_last_progress_ms(daemon->keeper)},
        {"keys", key_keeper_last_progress_ms(daemon->keys)},
        {"people", people_last_progress_ms(daemon->people)},
        {"oidc", provider_last_progress_ms(daemon->provider)},
        {"webhooks", webhooks_last_progress_ms(daemon->webhooks)},
        {"events", intake_last_progress_ms(daemon->intake)},
        {"recorder", recorder_last_progress_ms(daemon->recorder)},
        {"instance", name_keeper_last_progress_ms(daemon->name_keeper)},
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
