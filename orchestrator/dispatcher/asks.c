#include "orchestrator/dispatcher/asks.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/flight.h"
#include "topics/message.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

enum finding {
    FOUND_INSTRUCTION,
    FOUND_NOTHING,
    FOUND_NO_DEVICE,
    FOUND_NO_ANSWER, /* the database is away: the device will ask again */
};

struct found {
    enum finding finding;
    struct cached_instruction instruction;
};

/* Reads what the ask says. False when it is not an ask: it is refused, and the rest of it not looked at. */
static bool take_versions(struct desk *desk, const struct asked *asked)
{
    if (asked->payload == NULL)
        return true;
    struct ask ask;
    struct tc_fault fault;
    if (ask_decode(asked->payload, asked->length, &ask, &fault) != TC_OK) {
        metric_add(METRIC_ASKS_REFUSED, 1);
        LOG_WARNING("ask.refused", F_STR("device", asked->device), F_STR("reason", fault.text));
        return false;
    }
    if (ask.versions != NULL) {
        char *versions = json_dumps(ask.versions, JSON_COMPACT);
        TC_CHECK(versions != NULL);
        (void)update_put_versions(desk->config->updates, asked->device, versions);
        free(versions);
    }
    ask_free(&ask);
    return true;
}

/* Looks up in the database those that the cache does not have, and puts what it finds there. */
static void find_missing(struct desk *desk, const char *const *devices, size_t count, struct found **missing)
{
    metric_add(METRIC_CACHE_MISSES, (int64_t)count);
    struct flight *flights = calloc(count, sizeof *flights);
    struct cached_instruction *refill = calloc(count, sizeof *refill);
    TC_CHECK(flights != NULL && refill != NULL);
    struct tc_fault fault;
    enum tc_error error = flight_find(desk->store, devices, count, flights, &fault);
    if (error != TC_OK && error != TC_UNAVAILABLE)
        LOG_ERROR("ask.lookup_failed", F_STR("reason", fault.text));

    size_t refills = 0;
    for (size_t i = 0; i < count; i++) {
        const struct flight *flight = &flights[i];
        struct found *found = missing[i];
        if (error != TC_OK) {
            found->finding = FOUND_NO_ANSWER;
            continue;
        }
        found->finding = !flight->known             ? FOUND_NO_DEVICE
                         : flight->instruction == 0 ? FOUND_NOTHING
                                                    : FOUND_INSTRUCTION;
        found->instruction = (struct cached_instruction){
            .instruction = flight->instruction,
            .rollout = flight->rollout,
            .attempt = flight->attempt,
            .epoch = flight->epoch,
            .start_before_s = flight->start_before_s,
            .role = flight->role,
        };
        memcpy(found->instruction.device, flight->device, sizeof flight->device);
        if (found->finding == FOUND_INSTRUCTION)
            refill[refills++] = found->instruction;
    }
    if (refills > 0 && cache_put(desk->cache, refill, refills, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(refill);
    free(flights);
}

static void find_all(struct desk *desk, const char *const *devices, size_t count, struct found *found)
{
    struct cached_instruction *items = calloc(count, sizeof *items);
    bool *hits = calloc(count, sizeof *hits);
    const char **missed = calloc(count, sizeof *missed);
    struct found **missing = calloc(count, sizeof *missing);
    TC_CHECK(items != NULL && hits != NULL && missed != NULL && missing != NULL);
    if (cache_get(desk->cache, devices, count, items, hits, NULL) != TC_OK) {
        metric_add(METRIC_CACHE_FAULTS, 1);
        memset(hits, 0, count * sizeof *hits);
    }
    size_t missing_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (hits[i]) {
            found[i] = (struct found){.finding = FOUND_INSTRUCTION, .instruction = items[i]};
        } else {
            missed[missing_count] = devices[i];
            missing[missing_count++] = &found[i];
        }
    }
    metric_add(METRIC_CACHE_HITS, (int64_t)(count - missing_count));
    if (missing_count > 0)
        find_missing(desk, missed, missing_count, missing);
    free(missing);
    free(missed);
    free(hits);
    free(items);
}

static void send_instruction(struct desk *desk, const char *device, const struct cached_instruction *instruction)
{
    const struct answer answer = {
        .device = device,
        .instruction = instruction->instruction,
        .rollout = instruction->rollout,
        .epoch = instruction->epoch,
        .start_before_s = instruction->start_before_s,
        .attempt = instruction->attempt,
        .role = instruction->role,
    };
    struct tc_fault fault;
    enum tc_error error = desk_publish_instruction(desk, &answer, NULL, &fault);
    if (error == TC_OK) {
        metric_add(METRIC_ASKS_ANSWERED, 1);
        LOG_DEBUG("instruction.sent", F_INT("instruction", answer.instruction), F_STR("device", device),
                  F_INT("attempt", answer.attempt));
        if (!desk_remember_sent(desk, answer.instruction, answer.attempt))
            (void)update_put_sent(desk->config->updates, device, answer.instruction, answer.attempt);
    } else if (error != TC_UNAVAILABLE) {
        LOG_ERROR("instruction.not_sent", F_STR("device", device), F_STR("reason", fault.text));
    }
}

static void answer_one(struct desk *desk, const char *device, const struct found *found)
{
    const struct cached_instruction *instruction = &found->instruction;
    switch (found->finding) {
    case FOUND_INSTRUCTION:
        /* What may not start any more is not sent: the conductor ends it at its deadline. */
        if (instruction->start_before_s > clock_now_ms() / MS_PER_SECOND) {
            send_instruction(desk, device, instruction);
            return;
        }
        break;
    case FOUND_NOTHING: break;
    case FOUND_NO_DEVICE:
        metric_add(METRIC_ASKS_UNKNOWN_DEVICE, 1);
        LOG_WARNING("ask.refused", F_STR("device", device), F_STR("reason", "it is not in the fleet"));
        return;
    case FOUND_NO_ANSWER: return;
    }
    metric_add(METRIC_ASKS_EMPTY, 1);
    (void)desk_publish_nothing(desk, device, instruction->role);
}

void asks_answer(struct desk *desk, struct asked *asks, size_t count)
{
    metric_add(METRIC_ASKS_RECEIVED, (int64_t)count);
    const char **devices = calloc(count, sizeof *devices);
    struct found *found = calloc(count, sizeof *found);
    TC_CHECK(devices != NULL && found != NULL);
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        if (take_versions(desk, &asks[i]))
            devices[good++] = asks[i].device;
    }
    if (good > 0)
        find_all(desk, devices, good, found);
    for (size_t i = 0; i < good; i++)
        answer_one(desk, devices[i], &found[i]);
    for (size_t i = 0; i < count; i++)
        free(asks[i].payload);
    free(found);
    free(devices);
}
