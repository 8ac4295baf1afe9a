#include "orchestrator/dispatcher/asks.h"
#include "orchestrator/dispatcher/delivery.h"
#include "orchestrator/store/inventory.h"
#include "tests/failing/failing.h"
#include "tests/failing/life_private.h"
#include "tests/property/engine/hand_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_OK = 300 };

static const char *const devices[DEVICES] = {"A1", "P1"}; /* behind a node, and without one */

struct life *life_seen;

/* ---- looking ---- */

/* A number of the database, about this rollout ($1 is its name). */
static int64_t look(struct life *life, const char *statement)
{
    enum failing held = failing_hold();
    char name[16];
    (void)snprintf(name, sizeof name, "r%d", life->number);
    PGresult *result = PQexecParams(life->look, statement, 1, NULL, (const char *const[]){name}, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        (void)fprintf(stderr, "%s", PQerrorMessage(life->look));
    TC_CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    failing_go_on(held);
    return number;
}

static int64_t count_in_state(struct life *life, const char *state)
{
    char statement[256];
    (void)snprintf(statement, sizeof statement,
                   "SELECT count(*) FROM instruction i JOIN instruction_state s USING (state) JOIN rollout r ON r.id = "
                   "i.rollout_id WHERE r.name = $1 AND s.name = '%s'",
                   state);
    return look(life, statement);
}

static bool rollout_is(struct life *life, const char *state)
{
    char statement[128];
    (void)snprintf(statement, sizeof statement, "SELECT count(*) FROM rollout WHERE name = $1 AND state = '%s'", state);
    return look(life, statement) == 1;
}

static int64_t instruction_of(struct life *life, const char *device)
{
    char statement[192];
    (void)snprintf(statement, sizeof statement,
                   "SELECT coalesce(max(i.id), 0) FROM instruction i JOIN rollout r ON r.id = i.rollout_id "
                   "WHERE r.name = $1 AND i.device = '%s'",
                   device);
    return look(life, statement);
}

/* What is confirmed is committed. */
void life_see_message(const char *topic, const char *payload, size_t length)
{
    if (strstr(topic, "/start") != NULL)
        life_seen->starts++;
    for (int i = 0; i < DEVICES; i++) {
        char of_device[64];
        (void)snprintf(of_device, sizeof of_device, "/device/%s/", devices[i]);
        const char *rest = strstr(topic, of_device);
        if (rest == NULL)
            continue;
        rest += strlen(of_device);
        life_seen->instructions[i] += strcmp(rest, "instruction") == 0 && length > 0;
        if (strcmp(rest, "confirm") != 0)
            continue;
        TC_CHECK(memmem(payload, length, "\"accepted\":true", 15) != NULL);
        TC_CHECK(count_in_state(life_seen, "completed") == DEVICES);
        life_seen->confirms[i]++;
    }
}

/* ---- the steps ---- */

static const char fleet_text[] = "apiVersion: tellercast/v1\nkind: Fleet\n"
                                 "branches: [{id: B1, name: B1, zone: Europe/Berlin}]\n"
                                 "devices: [{id: B1, branch: B1, role: node, labels: {use: none}}, "
                                 "{id: A1, branch: B1, role: atm}, {id: P1, role: pull}]\n";

static void import_fleet(struct life *life)
{
    struct fleet *fleet;
    struct document_faults faults = {0};
    TC_CHECK(fleet_parse(FLEET_YAML, fleet_text, sizeof fleet_text - 1, &fleet, &faults) == TC_OK);
    struct fleet_imported imported;
    life->is_imported = inventory_import(life->inventory, fleet, &imported, &faults, NULL) == TC_OK;
    TC_CHECK(!life->is_imported || look(life, "SELECT count(*) FROM device WHERE $1 <> ''") == 3);
    document_faults_free(&faults);
    fleet_free(fleet);
}

static bool is_imported(struct life *life)
{
    return life->is_imported;
}

static void take_answer(struct order *order, const struct order_answer *answer)
{
    struct life *life = order->context;
    life->status = answer->status;
}

static int64_t count_rollouts(struct life *life)
{
    return look(life, "SELECT count(*) FROM rollout WHERE name = $1");
}

static void give_order(struct life *life)
{
    struct buffer plan = {0};
    buffer_format(&plan,
                  "apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: r%d}\nspec:\n"
                  "  action: install\n  selector: {devices: [A1, P1]}\n"
                  "  artifact: {name: app, version: 1.%d, url: 'https://a.invalid/app', size: 1MiB, sha256: "
                  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}\n",
                  life->number, life->number);
    life->order = (struct order){.door = DOOR_HTTP,
                                 .author = "tester",
                                 .document = plan.bytes,
                                 .length = plan.length,
                                 .answered = take_answer,
                                 .context = life};
    struct order *order = &life->order;
    life->status = 0;
    TC_CHECK(batch_queue_put(life->orders, &order, 0) == TC_OK);
    hand_worker_turn(life->ordering);
    buffer_free(&plan);
    TC_CHECK(life->status != 0);                                      /* every order is answered, */
    TC_CHECK(life->status >= STATUS_OK || count_rollouts(life) == 1); /* with what is committed */
}

static bool is_ordered(struct life *life)
{
    return life->status < STATUS_OK;
}

static void expand(struct life *life)
{
    hand_worker_turn(life->expanding);
}

static bool is_expanded(struct life *life)
{
    return rollout_is(life, "running") && look(life, "SELECT count(*) FROM instruction i JOIN rollout r "
                                                     "ON r.id = i.rollout_id WHERE r.name = $1") == DEVICES;
}

static bool is_pooled(const struct life *life, const char *device)
{
    for (size_t i = 0; i < life->pooled_count; i++) {
        for (size_t k = 0; k < life->pooled[i].count; k++) {
            if (strcmp(life->pooled[i].rows[k].device, device) == 0)
                return true;
        }
    }
    return false;
}

static void empty_pool(struct life *life)
{
    while (life->pooled_count < POOLED_MAX &&
           batch_queue_take(life->pool, &life->pooled[life->pooled_count], 1, 0, 0) == 1)
        life->pooled_count++;
}

static void schedule(struct life *life)
{
    hand_worker_turn(life->scheduling);
    empty_pool(life);
}

static bool is_scheduled(struct life *life)
{
    return count_in_state(life, "dispatched") == DEVICES && is_pooled(life, "A1") && is_pooled(life, "P1");
}

static void deliver(struct life *life)
{
    while (life->pooled_count > 0) {
        struct pool_batch *batch = &life->pooled[life->pooled_count - 1];
        struct tc_fault fault;
        if (delivery_publish(life->desk, batch, &fault) != TC_OK)
            return;
        free(batch->rows);
        life->pooled_count--;
    }
    schedule(life); /* renews what it holds, and takes over what was lost */
}

static bool is_delivered(struct life *life)
{
    return life->pooled_count == 0 && life->starts > 0 && life->instructions[1] > 0 &&
           look(life, "SELECT count(*) FROM claim WHERE $1 <> ''") == 0;
}

static void conduct(struct life *life)
{
    hand_worker_turn(life->conducting);
}

/* Another orchestrator was the conductor, and died. */
static void restore(struct life *life)
{
    if (life->delivers) {
        life->delivers = false;
        life->broker_is_new = true;
    }
    conduct(life);
    empty_pool(life);
}

static bool is_restored(struct life *life)
{
    return !life->broker_is_new && is_pooled(life, "A1") && is_pooled(life, "P1");
}

static void ask(struct life *life)
{
    memset(life->instructions, 0, sizeof life->instructions);
    struct asked asks[DEVICES] = {0};
    for (int i = 0; i < DEVICES; i++)
        (void)snprintf(asks[i].device, sizeof asks[i].device, "%s", devices[i]);
    static const char told[] = "{\"versions\":{\"app\":\"0.9\"}}";
    asks[0].payload = malloc(sizeof told);
    TC_CHECK(asks[0].payload != NULL);
    memcpy(asks[0].payload, told, sizeof told);
    asks[0].length = sizeof told - 1;
    asks_answer(life->desk, asks, DEVICES);
}

static bool is_answered(struct life *life)
{
    return life->instructions[0] > 0 && life->instructions[1] > 0;
}

static void update(struct life *life)
{
    for (int i = 0; i < DEVICES; i++) {
        char reply[160];
        int length = snprintf(reply, sizeof reply,
                              "{\"instruction\":%lld,\"attempt\":1,\"sequence\":%d,\"state\":\"completed\"}",
                              (long long)instruction_of(life, devices[i]), (int)life->sequence);
        TC_CHECK(update_put_reply(&life->update_queues, devices[i], reply, (size_t)length) == TC_OK);
    }
    struct update taken[BATCH];
    size_t count = batch_queue_take(life->updates, taken, BATCH, 0, 0);
    report_batch_take(&life->reports, taken, count);
    update_write(&life->writer, &life->reports);
    report_batch_clear(&life->reports);
}

static bool is_updated(struct life *life)
{
    return life->confirms[0] > 0 && life->confirms[1] > 0 && count_in_state(life, "completed") == DEVICES;
}

static bool is_over(struct life *life)
{
    return rollout_is(life, "completed");
}

const struct life_step life_steps[] = {
    {"import", import_fleet, is_imported, true, true},
    {"order", give_order, is_ordered, true, true},
    {"expand", expand, is_expanded, true, true},
    {"schedule", schedule, is_scheduled, false, false},
    {"deliver", deliver, is_delivered, false, false},
    {"restore", restore, is_restored, false, false},
    {"ask", ask, is_answered, false, true},
    {"update", update, is_updated, false, true},
    {"conduct", conduct, is_over, false, false},
};
const int life_step_count = sizeof life_steps / sizeof *life_steps;

void life_free_pooled(struct life *life)
{
    empty_pool(life);
    while (life->pooled_count > 0)
        free(life->pooled[--life->pooled_count].rows);
}

void life_begin_rollout(struct life *life, int number)
{
    life_free_pooled(life);
    life->number = number;
    life->is_imported = false;
    life->delivers = true;
    life->sequence = 1;
    life->starts = 0;
    memset(life->instructions, 0, sizeof life->instructions);
    memset(life->confirms, 0, sizeof life->confirms);
}
