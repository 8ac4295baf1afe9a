#include "orchestrator/webhooks/delivery.h"

#include "base/clock.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/webhooks.h"
#include "orchestrator/webhooks/post.h"
#include "orchestrator/worker/worker.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERIOD_MS = 500, PAUSE_FIRST_MS = 1000, PAUSE_LONGEST_MS = 300000, GIVE_UP_MS = 86400000, BATCH = 100 };
enum { ID_SIZE = EVENTS_POSITION_SIZE + 8 };

enum result { DELIVERED, FAILED, GIVEN_UP, RESULTS };

/* As the metric has them. */
static const char *const results[RESULTS] = {"delivered", "failed", "given_up"};

struct delivery {
    struct webhooks_config config;
    struct webhook_settings settings;
    struct store *store;
    struct batch_queue *wakes;
    struct worker *worker;
    atomic_bool stop, begins_again;

    /* The worker's. */
    int64_t epoch;       /* of the conductor's lease; 0: this orchestrator does not conduct */
    int64_t try_at_ms;   /* monotonic; after a failure */
    bool is_gone;        /* the receiver wants no more */
    bool is_failing;     /* logged */
    bool is_interrupted; /* this batch ended early */
    int64_t passed;      /* number of the last event that was not for it, and is not written yet; 0: none */
};

int64_t delivery_pause_ms(int64_t tries, uint32_t random)
{
    int64_t pause_ms = PAUSE_FIRST_MS;
    for (int64_t i = 1; i < tries && pause_ms < PAUSE_LONGEST_MS; i++)
        pause_ms *= 2;
    if (pause_ms > PAUSE_LONGEST_MS)
        pause_ms = PAUSE_LONGEST_MS;
    return pause_ms / 2 + (int64_t)((uint64_t)random * (uint64_t)(pause_ms / 2) >> 32);
}

static enum tc_error post(struct delivery *delivery, const char *id, const char *body, struct tc_fault *fault)
{
    const struct webhook_post message = {.webhook = &delivery->settings,
                                         .id = id,
                                         .body = body,
                                         .allows_loopback = delivery->config.allows_loopback,
                                         .stop = &delivery->stop};
    return webhook_send(&message, fault);
}

/* ---- what became of an event ---- */

static void note_delivered(struct delivery *delivery)
{
    metric_count(FAMILY_WEBHOOK_POSTS, results[DELIVERED]);
    metric_set_labelled(FAMILY_WEBHOOK_OLDEST, delivery->settings.name, 0);
    if (delivery->is_failing)
        LOG_INFO("webhook.delivering", F_STR("webhook", delivery->settings.name));
    delivery->is_failing = false;
}

static void note_failed(struct delivery *delivery, const char *position, const struct webhook_failure *failure,
                        const char *reason)
{
    delivery->try_at_ms = clock_monotonic_ms() + delivery_pause_ms(failure->tries, randombytes_random());
    metric_count(FAMILY_WEBHOOK_POSTS, results[FAILED]);
    metric_set_labelled(FAMILY_WEBHOOK_OLDEST, delivery->settings.name, failure->event_at_s);
    if (!delivery->is_failing)
        LOG_WARNING("webhook.failing", F_STR("webhook", delivery->settings.name), F_STR("position", position),
                    F_STR("reason", reason));
    delivery->is_failing = true;
}

/* Returns an error of the database. */
static enum tc_error take_failure(struct delivery *delivery, const struct logged_event *event, const char *position,
                                  bool is_gone, const struct tc_fault *cause, struct tc_fault *fault)
{
    struct webhook_failure failure;
    const char *name = delivery->settings.name;
    int64_t number = event->position.number;
    delivery->is_interrupted = true;
    enum tc_error error = webhook_fail(delivery->store, name, number, cause->text, GIVE_UP_MS, &failure, fault);
    if (error != TC_OK)
        return error;
    note_failed(delivery, position, &failure, cause->text);
    delivery->is_gone = is_gone;
    if (!failure.is_over)
        return TC_OK;
    error = webhook_give_up(delivery->store, name, number, event->kind, fault);
    if (error != TC_OK)
        return error;
    metric_count(FAMILY_WEBHOOK_POSTS, results[GIVEN_UP]);
    LOG_LIMITED(LOG_LEVEL_ERROR, name, "webhook.given_up", F_STR("webhook", name), F_STR("position", position),
                F_STR("kind", event->kind), F_STR("reason", cause->text));
    delivery->try_at_ms = 0; /* the next one has its own turn at once */
    return TC_OK;
}

/* ---- events ---- */

static void put_body(const struct logged_event *event, const char *position, struct buffer *body)
{
    buffer_format(body, "{\"type\":\"%s\",\"position\":\"%s\",\"data\":", event->kind, position);
    buffer_put_text(body, event->document);
    buffer_put_text(body, "}");
}

static enum tc_error deliver_event(struct delivery *delivery, const struct logged_event *event, struct tc_fault *fault)
{
    char position[EVENTS_POSITION_SIZE], id[ID_SIZE];
    struct buffer body = {0};
    struct tc_fault cause;
    events_position_put(&event->position, position);
    (void)snprintf(id, sizeof id, "event-%s", position);
    put_body(event, position, &body);
    enum tc_error posted = post(delivery, id, buffer_text(&body), &cause);
    buffer_free(&body);
    if (posted != TC_OK && delivery->stop) { /* it was cut short: that is no failure of the receiver */
        delivery->is_interrupted = true;
        return TC_OK;
    }
    if (posted != TC_OK)
        return take_failure(delivery, event, position, posted == TC_NOT_FOUND, &cause, fault);
    failure_point("webhook.posted");
    enum tc_error error = webhook_move(delivery->store, delivery->settings.name, event->position.number, true, fault);
    if (error == TC_OK)
        note_delivered(delivery);
    return error;
}

struct turn {
    struct delivery *delivery;
    enum tc_error error;
    struct tc_fault *fault;
};

/* Another orchestrator may have become the conductor while the receiver took its time. */
static enum tc_error check_lease(struct delivery *delivery, struct tc_fault *fault)
{
    struct webhook_place place;
    return webhook_read_place(delivery->store, delivery->settings.name, delivery->epoch, &place, fault);
}

static void take_event(void *context, const struct logged_event *event)
{
    struct turn *turn = context;
    struct delivery *delivery = turn->delivery;
    if (turn->error != TC_OK || delivery->is_interrupted)
        return;
    if (!webhook_wants(&delivery->settings, event->kind)) {
        delivery->passed = event->position.number;
        return;
    }
    turn->error = check_lease(delivery, turn->fault);
    if (turn->error == TC_OK)
        turn->error = deliver_event(delivery, event, turn->fault);
    if (turn->error == TC_OK && !delivery->is_interrupted)
        delivery->passed = 0;
}

/* What is left of the log follows, also for a position that the log has not reached. */
static enum tc_error skip_missed(struct delivery *delivery, int64_t was, const struct events_state *state,
                                 struct tc_fault *fault)
{
    bool moved;
    const char *name = delivery->settings.name;
    enum tc_error error = webhook_skip(delivery->store, name, was, state->oldest - 1, &moved, fault);
    if (error == TC_OK && moved)
        LOG_ERROR("webhook.missed", F_STR("webhook", name),
                  F_STR("reason", was > state->newest.number ? "the log has not reached where it was"
                                                             : "the log has no longer what was next"));
    return error;
}

static enum tc_error deliver_batch(struct delivery *delivery, const struct webhook_place *place, bool *has_more,
                                   struct tc_fault *fault)
{
    struct events_state state;
    struct turn turn = {.delivery = delivery, .error = TC_OK, .fault = fault};
    const char *name = delivery->settings.name;
    delivery->is_interrupted = false;
    delivery->passed = 0;
    enum tc_error error = events_read(delivery->store, &place->position, BATCH, take_event, &turn, &state, fault);
    if (error == TC_OK && state.is_reset)
        error = skip_missed(delivery, place->position.number, &state, fault);
    if (error == TC_OK)
        error = turn.error;
    if (error == TC_OK && delivery->passed != 0)
        error = webhook_move(delivery->store, name, delivery->passed, false, fault);
    *has_more = error == TC_OK && state.has_more && !delivery->is_interrupted;
    return error;
}

/* ---- tests ---- */

static enum tc_error make_test(struct delivery *delivery, int64_t test_at_us, struct tc_fault *fault)
{
    char id[ID_SIZE];
    struct buffer body = {0};
    struct tc_fault cause = {.text = ""};
    (void)snprintf(id, sizeof id, "test-%" PRId64, test_at_us);
    buffer_format(&body, "{\"type\":\"test\",\"data\":{\"webhook\":\"%s\"}}", delivery->settings.name);
    enum tc_error posted = post(delivery, id, buffer_text(&body), &cause);
    buffer_free(&body);
    if (posted != TC_OK && delivery->stop)
        return TC_OK;
    return webhook_write_test(delivery->store, delivery->settings.name, test_at_us, posted == TC_OK ? "" : cause.text,
                              fault);
}

/* ---- the thread ---- */

/* Another conductor begins without what this one knew of the receiver. */
static void enter_epoch(struct delivery *delivery, int64_t epoch)
{
    if (epoch == delivery->epoch)
        return;
    delivery->epoch = epoch;
    delivery->try_at_ms = 0;
    delivery->is_gone = delivery->is_failing = false;
    metric_set_labelled(FAMILY_WEBHOOK_OLDEST, delivery->settings.name, 0);
}

static enum tc_error take_turn(struct delivery *delivery, bool *has_more, struct tc_fault *fault)
{
    struct webhook_place place;
    *has_more = false;
    enum tc_error error = webhook_read_place(delivery->store, delivery->settings.name, delivery->epoch, &place, fault);
    if (error == TC_OK && place.test_at_us != 0)
        error = make_test(delivery, place.test_at_us, fault);
    bool may_try = !delivery->is_gone && clock_monotonic_ms() >= delivery->try_at_ms && !delivery->stop;
    return error == TC_OK && may_try ? deliver_batch(delivery, &place, has_more, fault) : error;
}

static void deliver(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct delivery *delivery = context;
    bool has_more;
    if (atomic_exchange(&delivery->begins_again, false)) {
        delivery->is_gone = false;
        delivery->try_at_ms = 0;
    }
    do {
        struct tc_fault fault;
        bool may = store_guard_check(delivery->config.guard, NULL) == TC_OK && !delivery->stop;
        enter_epoch(delivery, may ? atomic_load(delivery->config.conducting_epoch) : 0);
        if (delivery->epoch == 0)
            return;
        enum tc_error error = take_turn(delivery, &has_more, &fault);
        /* An unavailable database is logged once, by its connection. */
        if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY && error != TC_DENIED)
            LOG_LIMITED(LOG_LEVEL_ERROR, delivery->settings.name, "webhook.not_read",
                        F_STR("webhook", delivery->settings.name), F_STR("reason", fault.text));
        worker_mark_progress();
    } while (has_more);
}

enum tc_error delivery_open(const struct webhooks_config *config, struct webhook_settings *settings,
                            struct delivery **delivery, struct tc_fault *fault)
{
    struct delivery *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->settings = *settings;
    *settings = (struct webhook_settings){0};
    opened->wakes = batch_queue_open(1, 1);
    for (size_t i = 0; i < RESULTS; i++)
        metric_show(FAMILY_WEBHOOK_POSTS, results[i]);
    const struct worker_config worker = {.name = "webhook",
                                         .queue = opened->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = PERIOD_MS,
                                         .handle = deliver,
                                         .context = opened};
    enum tc_error error = store_open(config->database, "tellercastd webhook", &opened->store, fault);
    if (error == TC_OK) {
        store_use_guard(opened->store, config->guard);
        error = worker_start(&worker, &opened->worker, fault);
    }
    if (error != TC_OK) {
        delivery_close(opened);
        return error;
    }
    *delivery = opened;
    return TC_OK;
}

void delivery_stop(struct delivery *delivery)
{
    if (delivery != NULL)
        delivery->stop = true;
}

void delivery_close(struct delivery *delivery)
{
    if (delivery == NULL)
        return;
    delivery_stop(delivery);
    worker_stop(delivery->worker);
    metric_set_labelled(FAMILY_WEBHOOK_OLDEST, delivery->settings.name, 0);
    store_close(delivery->store);
    batch_queue_free(delivery->wakes);
    webhook_settings_free(&delivery->settings);
    free(delivery);
}

const struct webhook_settings *delivery_settings(const struct delivery *delivery)
{
    return &delivery->settings;
}

void delivery_begin_again(struct delivery *delivery)
{
    delivery->begins_again = true;
    batch_queue_wake(delivery->wakes);
}

int64_t delivery_last_progress_ms(const struct delivery *delivery)
{
    return worker_last_progress_ms(delivery->worker);
}
