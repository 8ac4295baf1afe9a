/* Reads and changes the devices of a running simulation for requests. */
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"
#include "tests/fleet/simulation_private.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>

struct tally {
    int64_t entries, executed, doubles;
    uint64_t digest;
};

static void tally(struct shard *shard, void *context)
{
    struct tally *sum = context;
    for (size_t i = 0; i < shard->device_count; i++) {
        const struct device *device = &shard->devices[i];
        sum->digest += execution_log_digest(&device->log, device->id);
        for (const struct execution *at = device->log.newest; at != NULL; at = at->older) {
            sum->entries++;
            sum->executed += at->times;
            sum->doubles += at->times > 1 ? at->times - 1 : 0;
        }
    }
}

json_t *simulation_executions(struct simulation *simulation)
{
    struct tally sum = {0};
    char digest[17];
    simulation_call_all(simulation, tally, &sum);
    (void)snprintf(digest, sizeof digest, "%016" PRIx64, sum.digest);
    return json_pack("{s:I, s:I, s:I, s:I, s:s}", "devices", (json_int_t)simulation_device_count(simulation), "entries",
                     (json_int_t)sum.entries, "executed", (json_int_t)sum.executed, "double", (json_int_t)sum.doubles,
                     "digest", digest);
}

/* For each accepted state, the time at which the device received its confirm. */
static json_t *describe_accepted(const struct execution *execution)
{
    json_t *accepted = json_object();
    for (int state = 0; state < EXECUTION_STATES; state++) {
        if (execution->accepted_ms[state] != 0)
            TC_CHECK(json_object_set_new(accepted, report_state_name((enum report_state)state),
                                         json_integer((json_int_t)execution->accepted_ms[state])) == 0);
    }
    return accepted;
}

/* Lists the executions of rollouts from `first` on. */
static json_t *describe_executions(const struct device *device, int64_t first)
{
    json_t *list = json_array();
    for (const struct execution *at = device->log.newest; at != NULL; at = at->older) {
        if (at->rollout < first)
            continue;
        const char *state = at->stage == EXECUTION_ARRIVED ? "" : report_state_name(at->state);
        json_t *entry = json_pack(
            "{s:I, s:i, s:I, s:i, s:I, s:I, s:s, s:s, s:i, s:b, s:o}", "instruction", (json_int_t)at->instruction,
            "attempt", (int)at->attempt, "rollout", (json_int_t)at->rollout, "executed", (int)at->times, "began_ms",
            (json_int_t)at->began_ms, "ended_ms", (json_int_t)at->ended_ms, "state", state, "code", at->code,
            "sequence", (int)at->sequence, "confirmed", (int)at->confirmed, "accepted", describe_accepted(at));
        TC_CHECK(json_array_append_new(list, entry) == 0);
    }
    return list;
}

struct search {
    const char *id;
    json_t *found;
};

static void describe(struct shard *shard, void *context)
{
    struct search *search = context;
    const struct text_set_entry *entry = text_set_find(&shard->by_id, search->id);
    if (entry == NULL)
        return;
    const struct device *device = &shard->devices[entry->number];
    search->found = json_pack("{s:s, s:s, s:s?, s:b, s:i, s:b, s:i, s:o, s:o}", "id", device->id, "role",
                              device_role_name(device->role), "branch", device->branch_id, "connected",
                              (int)(device->link == LINK_READY), "connects", (int)device->connects, "working",
                              (int)(device->work != NULL), "unconfirmed", (int)device->unconfirmed, "versions",
                              json_copy(device->versions->versions), "executions", describe_executions(device, 0));
}

json_t *simulation_device(struct simulation *simulation, const char *id)
{
    struct search search = {.id = id};
    simulation_call_all(simulation, describe, &search);
    return search.found;
}

/* The devices of a request, and the action on each. */
struct selection {
    const char *pattern;
    void (*act)(struct device *device, struct selection *selection);
    size_t count;
    json_t *result;
    bool is_clean;
    int64_t for_ms;
    int64_t first_rollout;
};

static void act_on_shard(struct shard *shard, void *context)
{
    struct selection *selection = context;
    for (size_t i = 0; i < shard->device_count; i++) {
        if (fnmatch(selection->pattern, shard->devices[i].id, 0) == 0) {
            selection->count++;
            selection->act(&shard->devices[i], selection);
        }
    }
}

static void list_executions(struct device *device, struct selection *selection)
{
    json_t *list = describe_executions(device, selection->first_rollout);
    if (json_array_size(list) == 0)
        json_decref(list);
    else
        TC_CHECK(json_object_set_new(selection->result, device->id, list) == 0);
}

json_t *simulation_execution_list(struct simulation *simulation, const char *pattern, int64_t first_rollout)
{
    struct selection selection = {
        .pattern = pattern, .act = list_executions, .result = json_object(), .first_rollout = first_rollout};
    simulation_call_all(simulation, act_on_shard, &selection);
    return selection.result;
}

static void list_versions(struct device *device, struct selection *selection)
{
    /* A copy, since the sets and their reference counts belong to the shard's thread. */
    TC_CHECK(json_object_set_new(selection->result, device->id, json_copy(device->versions->versions)) == 0);
}

json_t *simulation_versions(struct simulation *simulation)
{
    struct selection selection = {.pattern = "*", .act = list_versions, .result = json_object()};
    simulation_call_all(simulation, act_on_shard, &selection);
    return selection.result;
}

static void let_ask(struct device *device, struct selection *selection)
{
    (void)selection;
    command_ask(device);
}

size_t simulation_ask(struct simulation *simulation, const char *pattern)
{
    struct selection selection = {.pattern = pattern, .act = let_ask};
    simulation_call_all(simulation, act_on_shard, &selection);
    return selection.count;
}

static void disconnect(struct device *device, struct selection *selection)
{
    if (selection->is_clean && device->link == LINK_READY)
        session_leave(device, selection->for_ms);
    else
        session_cut(device, selection->for_ms);
}

size_t simulation_disconnect(struct simulation *simulation, const char *pattern, bool is_clean, int64_t for_ms)
{
    struct selection selection = {.pattern = pattern, .act = disconnect, .is_clean = is_clean, .for_ms = for_ms};
    simulation_call_all(simulation, act_on_shard, &selection);
    return selection.count;
}
