#include "orchestrator/dispatcher/asks.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/assignment.h"
#include "topics/message.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

enum lookup_outcome {
    LOOKUP_INSTRUCTION,
    LOOKUP_IDLE,
    LOOKUP_UNKNOWN_DEVICE,
    LOOKUP_FAILED, /* the database is unavailable: the device will ask again */
};

struct lookup {
    enum lookup_outcome outcome;
    struct cached_instruction instruction;
    int64_t recall, recall_since_s; /* see struct assignment */
    bool recall_unable;
};

/* The fields of an ask that its answer depends on. */
struct ask_fields {
    char nonce[TC_ID_SIZE]; /* "": none */
    int64_t recalled;
};

/* Queues the versions and fills `fields`. False when the payload is not an ask: it is refused. */
static bool read_ask(struct dispatcher_thread *thread, const struct queued_ask *queued, struct ask_fields *fields)
{
    *fields = (struct ask_fields){0};
    if (queued->payload == NULL)
        return true;
    struct ask ask;
    struct tc_fault fault;
    if (ask_decode(queued->payload, queued->length, &ask, &fault) != TC_OK) {
        metric_add(METRIC_ASKS_REFUSED, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, queued->device, "ask.refused", F_STR("device", queued->device),
                    F_STR("reason", fault.text));
        return false;
    }
    if (ask.versions_fault[0] != '\0')
        LOG_LIMITED(LOG_LEVEL_WARNING, queued->device, "ask.versions_left_out", F_STR("device", queued->device),
                    F_STR("reason", ask.versions_fault));
    if (ask.versions != NULL) {
        char *versions = json_dumps(ask.versions, JSON_COMPACT);
        TC_CHECK(versions != NULL);
        (void)update_put_versions(thread->config->updates, queued->device, versions, queued->received_ms);
        free(versions);
    }
    fields->recalled = ask.recalled;
    memcpy(fields->nonce, ask.nonce, sizeof ask.nonce);
    ask_free(&ask);
    return true;
}

/* Looks up in the database the devices that the cache does not have, and adds their instructions to the cache. */
static void look_up_missing(struct dispatcher_thread *thread, const char *const *devices, size_t count,
                            struct lookup **missing)
{
    metric_add(METRIC_CACHE_MISSES, (int64_t)count);
    struct assignment *assignments = calloc(count, sizeof *assignments);
    struct cached_instruction *refill = calloc(count, sizeof *refill);
    TC_CHECK(assignments != NULL && refill != NULL);
    struct tc_fault fault;
    enum tc_error error = assignment_find(thread->store, devices, count, assignments, &fault);
    if (error != TC_OK && error != TC_UNAVAILABLE)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "ask.lookup_failed", F_STR("reason", fault.text));

    size_t refills = 0;
    for (size_t i = 0; i < count; i++) {
        const struct assignment *assignment = &assignments[i];
        struct lookup *found = missing[i];
        if (error != TC_OK) {
            found->outcome = LOOKUP_FAILED;
            continue;
        }
        found->outcome = !assignment->known             ? LOOKUP_UNKNOWN_DEVICE
                         : assignment->instruction == 0 ? LOOKUP_IDLE
                                                        : LOOKUP_INSTRUCTION;
        found->instruction = (struct cached_instruction){
            .instruction = assignment->instruction,
            .rollout = assignment->rollout,
            .attempt = assignment->attempt,
            .epoch = assignment->epoch,
            .start_before_s = assignment->start_before_s,
            .role = assignment->role,
            .out_of_service = assignment->out_of_service,
        };
        memcpy(found->instruction.device, assignment->device, sizeof assignment->device);
        found->recall = assignment->recall;
        found->recall_since_s = assignment->recall_since_s;
        found->recall_unable = assignment->recall_unable;
        if (found->outcome == LOOKUP_INSTRUCTION)
            refill[refills++] = found->instruction;
    }
    if (refills > 0 && cache_put(thread->cache, refill, refills, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(refill);
    free(assignments);
}

static void look_up_all(struct dispatcher_thread *thread, const char *const *devices, size_t count,
                        struct lookup *found)
{
    struct cached_instruction *items = calloc(count, sizeof *items);
    bool *hits = calloc(count, sizeof *hits);
    const char **missed = calloc(count, sizeof *missed);
    struct lookup **missing = calloc(count, sizeof *missing);
    TC_CHECK(items != NULL && hits != NULL && missed != NULL && missing != NULL);
    /* During a recall only the database knows which devices have not reported yet. */
    bool uses_cache = store_guard_recall(thread->config->guard) == 0;
    if (uses_cache && cache_get(thread->cache, devices, count, items, hits, NULL) != TC_OK) {
        metric_add(METRIC_CACHE_FAULTS, 1);
        memset(hits, 0, count * sizeof *hits);
    }
    size_t missing_count = 0;
    int64_t epoch = store_guard_epoch(thread->config->guard);
    for (size_t i = 0; i < count; i++) {
        if (hits[i] && items[i].epoch >= epoch) {
            found[i] = (struct lookup){.outcome = LOOKUP_INSTRUCTION, .instruction = items[i]};
        } else {
            missed[missing_count] = devices[i];
            missing[missing_count++] = &found[i];
        }
    }
    metric_add(METRIC_CACHE_HITS, (int64_t)(count - missing_count));
    if (missing_count > 0)
        look_up_missing(thread, missed, missing_count, missing);
    free(missing);
    free(missed);
    free(hits);
    free(items);
}

/* Records the ask's field about a recall. Leaves `found->recall` set when the device is still to be asked. */
static void settle_recall(struct dispatcher_thread *thread, const char *device, const struct ask_fields *fields,
                          struct lookup *found)
{
    if (found->recall == 0)
        return;
    bool has_reported = fields->recalled >= found->recall;
    bool is_able = fields->nonce[0] != '\0'; /* older agents know neither nonces nor recalls */
    if (has_reported || (!is_able && !found->recall_unable))
        (void)update_put_recalled(thread->config->updates, device, found->recall, has_reported);
    if (has_reported || !is_able)
        found->recall = 0;
    else
        metric_add(METRIC_RECALLS_SENT, 1);
}

static void send_instruction(struct dispatcher_thread *thread, const char *device, const char *nonce,
                             const struct lookup *found)
{
    const struct cached_instruction *instruction = &found->instruction;
    const struct answer answer = {
        .device = device,
        .nonce = nonce,
        .recall = found->recall,
        .recall_since_s = found->recall_since_s,
        .instruction = instruction->instruction,
        .rollout = instruction->rollout,
        .epoch = instruction->epoch,
        .start_before_s = instruction->start_before_s,
        .attempt = instruction->attempt,
        .role = instruction->role,
        .out_of_service = instruction->out_of_service,
    };
    struct tc_fault fault;
    enum tc_error error = dispatcher_thread_publish_instruction(thread, &answer, NULL, &fault);
    if (error == TC_OK) {
        metric_add(METRIC_ASKS_ANSWERED, 1);
        LOG_DEBUG("instruction.sent", F_INT("instruction", answer.instruction), F_STR("device", device),
                  F_INT("attempt", answer.attempt));
        if (!dispatcher_thread_remember_sent(thread, answer.instruction, answer.attempt))
            (void)update_put_sent(thread->config->updates, device, answer.instruction, answer.attempt);
    } else if (error == TC_TOO_LARGE) {
        (void)update_put_too_large(thread->config->updates, device, answer.instruction, answer.attempt, fault.text);
    } else if (error != TC_UNAVAILABLE) {
        LOG_LIMITED(LOG_LEVEL_ERROR, device, "instruction.not_sent", F_STR("device", device),
                    F_STR("reason", fault.text));
    }
}

/* An older agent accepts only the empty answer. */
static void send_empty(struct dispatcher_thread *thread, const char *device, const char *nonce,
                       const struct lookup *found)
{
    const struct answer answer = {
        .device = device,
        .nonce = nonce,
        .recall = found->recall,
        .recall_since_s = found->recall_since_s,
        .epoch = found->instruction.epoch,
        .role = found->instruction.role,
    };
    metric_add(METRIC_ASKS_EMPTY, 1);
    if (found->recall != 0)
        (void)dispatcher_thread_publish_recall(thread, &answer);
    if (found->recall == 0 || answer.role == ROLE_PULL)
        (void)dispatcher_thread_publish_empty(thread, device, answer.role);
}

static void answer_one(struct dispatcher_thread *thread, const char *device, const char *nonce,
                       const struct lookup *found)
{
    const struct cached_instruction *instruction = &found->instruction;
    switch (found->outcome) {
    case LOOKUP_INSTRUCTION:
        /* An instruction that may no longer start is not sent: the conductor ends it at its deadline. */
        if (instruction->start_before_s > store_clock_now_ms(thread->config->clock) / MS_PER_SECOND) {
            send_instruction(thread, device, nonce, found);
            return;
        }
        break;
    case LOOKUP_IDLE: break;
    case LOOKUP_UNKNOWN_DEVICE:
        metric_add(METRIC_ASKS_UNKNOWN_DEVICE, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, device, "ask.refused", F_STR("device", device),
                    F_STR("reason", "not in the fleet"));
        return;
    case LOOKUP_FAILED: return;
    }
    send_empty(thread, device, nonce, found);
}

void asks_answer(struct dispatcher_thread *thread, struct queued_ask *asks, size_t count)
{
    metric_add(METRIC_ASKS_RECEIVED, (int64_t)count);
    dispatcher_thread_notice_epoch(thread);
    const char **devices = calloc(count, sizeof *devices);
    struct ask_fields *fields = calloc(count, sizeof *fields);
    struct lookup *found = calloc(count, sizeof *found);
    TC_CHECK(devices != NULL && fields != NULL && found != NULL);
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        if (read_ask(thread, &asks[i], &fields[good]))
            devices[good++] = asks[i].device;
    }
    if (good > 0)
        look_up_all(thread, devices, good, found);
    for (size_t i = 0; i < good; i++) {
        settle_recall(thread, devices[i], &fields[i], &found[i]);
        answer_one(thread, devices[i], fields[i].nonce, &found[i]);
    }
    asks_drop(asks, count);
    free(found);
    free(fields);
    free(devices);
}

void asks_drop(struct queued_ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(asks[i].payload);
}
