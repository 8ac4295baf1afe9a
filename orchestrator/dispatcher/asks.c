#include "orchestrator/dispatcher/asks.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/assignment.h"
#include "topics/message.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

/* The fields of an ask that its answer depends on. */
struct ask_fields {
    int64_t received_ms;    /* by clock_monotonic_ms */
    char *versions;         /* a flat JSON object; NULL: none; owned */
    char nonce[TC_ID_SIZE]; /* "": none */
    int64_t recalled;
    size_t key_count;         /* 0: an older agent */
    char (*keys)[TC_ID_SIZE]; /* owned */
};

/* False when the payload is not an ask: it is refused. */
static bool read_ask(const struct queued_ask *queued, struct ask_fields *fields)
{
    *fields = (struct ask_fields){.received_ms = queued->received_ms};
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
        fields->versions = json_dumps(ask.versions, JSON_COMPACT);
        TC_CHECK(fields->versions != NULL);
    }
    fields->recalled = ask.recalled;
    memcpy(fields->nonce, ask.nonce, sizeof ask.nonce);
    fields->keys = ask.keys;
    fields->key_count = ask.key_count;
    ask.keys = NULL;
    ask_free(&ask);
    return true;
}

static struct cached_instruction cached_of(const struct assignment *assignment)
{
    struct cached_instruction cached = {
        .instruction = assignment->instruction,
        .rollout = assignment->rollout,
        .attempt = assignment->attempt,
        .epoch = assignment->epoch,
        .start_before_s = assignment->start_before_s,
        .role = assignment->role,
        .out_of_service = assignment->out_of_service,
    };
    memcpy(cached.device, assignment->device, sizeof cached.device);
    return cached;
}

/* Makes the pull clients' cache entries equal to their assignments, and counts those that differed. */
static void correct_cache(struct dispatcher_thread *thread, const struct assignment *assignments, size_t count)
{
    struct cached_instruction *expected = calloc(count, sizeof *expected);
    struct cached_instruction *cached = calloc(count, sizeof *cached);
    const char **devices = calloc(count, sizeof *devices);
    bool *found = calloc(count, sizeof *found);
    TC_CHECK(expected != NULL && cached != NULL && devices != NULL && found != NULL);
    size_t clients = 0;
    for (size_t i = 0; i < count; i++) {
        if (!assignments[i].known || assignments[i].role != ROLE_PULL)
            continue;
        expected[clients] = cached_of(&assignments[i]);
        devices[clients++] = assignments[i].device;
    }
    bool good = clients == 0 || cache_get(thread->cache, devices, clients, cached, found, NULL) == TC_OK;
    size_t put_count = 0, forget_count = 0; /* both at the start of their array */
    for (size_t i = 0; good && i < clients; i++) {
        bool is_assigned = expected[i].instruction != 0;
        bool is_equal = found[i] == is_assigned && (!found[i] || cached_instruction_equals(&cached[i], &expected[i]));
        if (found[i])
            metric_add(is_equal ? METRIC_CACHE_HITS : METRIC_CACHE_CORRECTED, 1);
        else if (is_assigned)
            metric_add(METRIC_CACHE_MISSES, 1);
        if (is_equal)
            continue;
        if (is_assigned)
            expected[put_count++] = expected[i];
        else
            devices[forget_count++] = devices[i];
    }
    good = good && (put_count == 0 || cache_put(thread->cache, expected, put_count, NULL) == TC_OK) &&
           (forget_count == 0 || cache_forget(thread->cache, devices, forget_count, NULL) == TC_OK);
    if (!good)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(found);
    free(devices);
    free(cached);
    free(expected);
}

/* Records the ask's field about a recall. Leaves `assignment->recall` set when the device is still to be asked. */
static void settle_recall(struct dispatcher_thread *thread, const struct ask_fields *fields,
                          struct assignment *assignment)
{
    if (assignment->recall == 0)
        return;
    bool has_reported = fields->recalled >= assignment->recall;
    bool is_able = fields->nonce[0] != '\0'; /* older agents know neither nonces nor recalls */
    if (has_reported || (!is_able && !assignment->recall_unable))
        (void)update_put_recalled(thread->config->updates, assignment->device, assignment->recall, has_reported);
    if (has_reported || !is_able)
        assignment->recall = 0;
    else
        metric_add(METRIC_RECALLS_SENT, 1);
}

/* A device that asks again and again costs no writes. */
static void record_versions(struct dispatcher_thread *thread, const struct ask_fields *fields,
                            const struct assignment *assignment)
{
    if (assignment->known && fields->versions != NULL && !assignment->versions_are_written)
        (void)update_put_versions(thread->config->updates, assignment->device, fields->versions, fields->received_ms);
}

/* Records the keys that the device trusts, when they are others than before. */
static void record_keys(struct dispatcher_thread *thread, const struct ask_fields *fields,
                        const struct assignment *assignment)
{
    struct buffer joined = {0};
    for (size_t i = 0; i < fields->key_count; i++)
        buffer_format(&joined, "%s%s", i == 0 ? "" : " ", fields->keys[i]);
    if (assignment->trusted_keys == NULL || strcmp(assignment->trusted_keys, buffer_text(&joined)) != 0)
        (void)update_put_keys(thread->config->updates, assignment->device, buffer_text(&joined));
    buffer_free(&joined);
}

/* Tells the device which keys to trust, when it lacks one or has one that was removed. */
static void settle_keys(struct dispatcher_thread *thread, const struct ask_fields *fields,
                        const struct assignment *assignment)
{
    struct buffer token = {0};
    bool is_foreign;
    if (!assignment->known || fields->key_count == 0)
        return;
    record_keys(thread, fields, assignment);
    switch (key_ring_answer(thread->config->keys, fields->keys, fields->key_count, &token, &is_foreign)) {
    case KEYS_DIFFER:
        if (dispatcher_thread_publish_keys(thread, assignment->device, &token) == TC_OK)
            metric_add(METRIC_KEY_SETS_SENT, 1);
        break;
    case KEYS_ARE_UNKNOWN:
        metric_add(METRIC_KEY_SETS_UNREADABLE, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, assignment->device, "keys.not_told", F_STR("device", assignment->device),
                    F_STR("reason", "the device trusts no key of this orchestrator"));
        break;
    case KEYS_ARE_EQUAL: break;
    }
    if (is_foreign) {
        metric_add(METRIC_FOREIGN_KEYS_NAMED, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, assignment->device, "keys.foreign", F_STR("device", assignment->device),
                    F_STR("reason", "the device trusts a key that no orchestrator has registered"));
    }
    buffer_free(&token);
}

/* False when the key of this batch must not sign its answers. */
static bool may_sign(const struct assignment *assignments, size_t count)
{
    bool may = true;
    for (size_t i = 0; i < count; i++)
        may = may && (!assignments[i].known || assignments[i].may_sign);
    return may;
}

static struct answer answer_of(const struct assignment *assignment, const char *nonce)
{
    return (struct answer){
        .device = assignment->device,
        .nonce = nonce,
        .recall = assignment->recall,
        .recall_since_s = assignment->recall_since_s,
        .instruction = assignment->instruction,
        .rollout = assignment->rollout,
        .epoch = assignment->epoch,
        .start_before_s = assignment->start_before_s,
        .attempt = assignment->attempt,
        .role = assignment->role,
        .out_of_service = assignment->out_of_service,
    };
}

static void send_instruction(struct dispatcher_thread *thread, const struct answer *answer)
{
    struct tc_fault fault;
    enum tc_error error = dispatcher_thread_publish_instruction(thread, answer, NULL, &fault);
    if (error == TC_OK) {
        metric_add(METRIC_ASKS_ANSWERED, 1);
        LOG_DEBUG("instruction.sent", F_INT("instruction", answer->instruction), F_STR("device", answer->device),
                  F_INT("attempt", answer->attempt));
        if (!dispatcher_thread_remember_sent(thread, answer->instruction, answer->attempt))
            (void)update_put_sent(thread->config->updates, answer->device, answer->instruction, answer->attempt);
    } else if (error == TC_TOO_LARGE) {
        (void)update_put_too_large(thread->config->updates, answer->device, answer->instruction, answer->attempt,
                                   fault.text);
    } else if (error != TC_UNAVAILABLE) {
        LOG_LIMITED(LOG_LEVEL_ERROR, answer->device, "instruction.not_sent", F_STR("device", answer->device),
                    F_STR("reason", fault.text));
    }
}

/* An older agent accepts only the empty answer. */
static void send_empty(struct dispatcher_thread *thread, const struct answer *answer)
{
    struct answer empty = *answer;
    empty.instruction = empty.rollout = empty.start_before_s = 0;
    empty.attempt = 0;
    empty.out_of_service = false;
    metric_add(METRIC_ASKS_EMPTY, 1);
    if (empty.recall != 0)
        (void)dispatcher_thread_publish_recall(thread, &empty);
    if (empty.recall == 0 || empty.role == ROLE_PULL)
        (void)dispatcher_thread_publish_empty(thread, empty.device, empty.role);
}

static void answer_one(struct dispatcher_thread *thread, const char *device, const char *nonce,
                       const struct assignment *assignment)
{
    if (!assignment->known) {
        metric_add(METRIC_ASKS_UNKNOWN_DEVICE, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, device, "ask.refused", F_STR("device", device),
                    F_STR("reason", "not in the fleet"));
        return;
    }
    const struct answer answer = answer_of(assignment, nonce);
    /* An instruction that may no longer start is not sent: the conductor ends it at its deadline. */
    bool may_start = answer.start_before_s > store_clock_now_ms(thread->config->clock) / MS_PER_SECOND;
    if (answer.instruction != 0 && may_start)
        send_instruction(thread, &answer);
    else
        send_empty(thread, &answer);
}

static void answer_each(struct dispatcher_thread *thread, const char *const *devices, const struct ask_fields *fields,
                        struct assignment *assignments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        record_versions(thread, &fields[i], &assignments[i]);
        settle_keys(thread, &fields[i], &assignments[i]);
    }
    if (thread->key != NULL && !may_sign(assignments, count))
        dispatcher_thread_refuse_key(thread);
    if (thread->key == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        settle_recall(thread, &fields[i], &assignments[i]);
        answer_one(thread, devices[i], fields[i].nonce, &assignments[i]);
    }
    correct_cache(thread, assignments, count);
}

/* The database alone decides what is signed (docs/decisions/0044), and with which key. While it is unavailable, or no
 * key may sign, no ask is answered: the devices ask again. */
static void answer_all(struct dispatcher_thread *thread, const char *const *devices, const struct ask_fields *fields,
                       size_t count)
{
    dispatcher_thread_choose_key(thread);
    const char *key = thread->key == NULL ? "" : signing_key_id(thread->key);
    struct assignment *assignments = calloc(count, sizeof *assignments);
    const char **versions = calloc(count, sizeof *versions);
    TC_CHECK(assignments != NULL && versions != NULL);
    for (size_t i = 0; i < count; i++)
        versions[i] = fields[i].versions == NULL ? "" : fields[i].versions;
    struct tc_fault fault;
    enum tc_error error = assignment_find(thread->store, devices, versions, count, key, assignments, &fault);
    free(versions);
    if (error == TC_OK) {
        answer_each(thread, devices, fields, assignments, count);
        assignments_free(assignments, count);
    } else {
        metric_add(METRIC_ASKS_UNANSWERED, (int64_t)count);
        if (error != TC_UNAVAILABLE)
            LOG_LIMITED(LOG_LEVEL_ERROR, "", "ask.lookup_failed", F_STR("reason", fault.text));
    }
    free(assignments);
}

void asks_answer(struct dispatcher_thread *thread, struct queued_ask *asks, size_t count)
{
    dispatcher_thread_notice_epoch(thread);
    const char **devices = calloc(count, sizeof *devices);
    struct ask_fields *fields = calloc(count, sizeof *fields);
    TC_CHECK(devices != NULL && fields != NULL);
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        if (read_ask(&asks[i], &fields[good]))
            devices[good++] = asks[i].device;
    }
    if (good > 0)
        answer_all(thread, devices, fields, good);
    asks_drop(asks, count);
    for (size_t i = 0; i < good; i++) {
        free(fields[i].versions);
        free(fields[i].keys);
    }
    free(fields);
    free(devices);
}

void asks_drop(struct queued_ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(asks[i].payload);
}
