#include "orchestrator/dispatcher/asks.h"
#include "orchestrator/dispatcher/delivery.h"
#include "tests/failing/failing.h"
#include "tests/failing/rollout_lifecycle_private.h"
#include "tests/fleet_in_memory.h"
#include "tests/property/engine/stepped_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_OK = 300 };

static const char *const devices[DEVICES] = {"A1", "P1"}; /* a device behind a node, and one without */

struct rollout_lifecycle *rollout_lifecycle_seen;

/* ---- reading the database  */

int64_t rollout_lifecycle_look(struct rollout_lifecycle *lifecycle, const char *statement)
{
    enum failing held = failing_hold();
    char name[16];
    (void)snprintf(name, sizeof name, "r%d", lifecycle->number);
    PGresult *result = PQexecParams(lifecycle->look, statement, 1, NULL, (const char *const[]){name}, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        (void)fprintf(stderr, "%s", PQerrorMessage(lifecycle->look));
    TC_CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    failing_go_on(held);
    return number;
}

static int64_t count_in_state(struct rollout_lifecycle *lifecycle, const char *state)
{
    char statement[256];
    (void)snprintf(statement, sizeof statement,
                   "SELECT count(*) FROM instruction i JOIN instruction_state s USING (state) JOIN rollout r ON r.id = "
                   "i.rollout_id WHERE r.name = $1 AND s.name = '%s'",
                   state);
    return rollout_lifecycle_look(lifecycle, statement);
}

static bool rollout_is(struct rollout_lifecycle *lifecycle, const char *state)
{
    char statement[128];
    (void)snprintf(statement, sizeof statement, "SELECT count(*) FROM rollout WHERE name = $1 AND state = '%s'", state);
    return rollout_lifecycle_look(lifecycle, statement) == 1;
}

static int64_t instruction_of(struct rollout_lifecycle *lifecycle, const char *device)
{
    char statement[192];
    (void)snprintf(statement, sizeof statement,
                   "SELECT coalesce(max(i.id), 0) FROM instruction i JOIN rollout r ON r.id = i.rollout_id "
                   "WHERE r.name = $1 AND i.device = '%s'",
                   device);
    return rollout_lifecycle_look(lifecycle, statement);
}

/* Checks that confirmed reports are committed. */
void rollout_lifecycle_see_message(const char *topic, const char *payload, size_t length)
{
    if (strstr(topic, "/start") != NULL)
        rollout_lifecycle_seen->starts++;
    for (int i = 0; i < DEVICES; i++) {
        char of_device[64];
        (void)snprintf(of_device, sizeof of_device, "/device/%s/", devices[i]);
        const char *rest = strstr(topic, of_device);
        if (rest == NULL)
            continue;
        rest += strlen(of_device);
        rollout_lifecycle_seen->instructions[i] += strcmp(rest, "instruction") == 0 && length > 0;
        if (strcmp(rest, "confirm") != 0)
            continue;
        TC_CHECK(memmem(payload, length, "\"accepted\":true", 15) != NULL);
        TC_CHECK(count_in_state(rollout_lifecycle_seen, "completed") == DEVICES);
        rollout_lifecycle_seen->confirms[i]++;
    }
}

/* ---- the steps ---- */

static const char fleet_text[] = "apiVersion: tellercast/v1\nkind: Fleet\n"
                                 "branches: [{id: B1, name: B1, zone: Europe/Berlin}]\n"
                                 "devices: [{id: B1, branch: B1, role: node, labels: {use: none}}, "
                                 "{id: A1, branch: B1, role: atm}, {id: P1, role: pull}]\n";

static bool finds_fleet(struct rollout_lifecycle *lifecycle)
{
    return rollout_lifecycle_look(lifecycle, "SELECT count(*) FROM device WHERE $1 <> ''") == 3;
}

static void import_fleet(struct rollout_lifecycle *lifecycle)
{
    if (lifecycle->has_fleet)
        return;
    struct document_faults faults = {0};
    lifecycle->is_imported =
        import_from_memory(lifecycle->inventory, fleet_text, sizeof fleet_text - 1, &faults, NULL) == TC_OK;
    TC_CHECK(!lifecycle->is_imported || finds_fleet(lifecycle));
    document_faults_free(&faults);
}

static bool is_imported(struct rollout_lifecycle *lifecycle)
{
    return lifecycle->is_imported;
}

static void take_answer(struct submission *submission, const struct submission_answer *answer)
{
    struct rollout_lifecycle *lifecycle = submission->context;
    lifecycle->status = answer->status;
}

static int64_t count_rollouts(struct rollout_lifecycle *lifecycle)
{
    return rollout_lifecycle_look(lifecycle, "SELECT count(*) FROM rollout WHERE name = $1");
}

static void give_order(struct rollout_lifecycle *lifecycle)
{
    struct buffer plan = {0};
    buffer_format(&plan,
                  "apiVersion: tellercast/v1\nkind: Rollout\nmetadata: {name: r%d}\nspec:\n"
                  "  action: install\n  selector: {devices: [A1, P1]}\n  approvals: {required: %d}\n"
                  "  artifact: {name: app, version: 1.%d, url: 'https://a.invalid/app', size: 1MiB, sha256: "
                  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}\n",
                  lifecycle->number, lifecycle->approvals, lifecycle->number);
    lifecycle->submission = (struct submission){.endpoint = ENDPOINT_HTTP,
                                                .author = "tester",
                                                .act = act_of_test(ACCESS_SUBMIT),
                                                .document = plan.bytes,
                                                .length = plan.length,
                                                .answered = take_answer,
                                                .context = lifecycle};
    struct submission *submission = &lifecycle->submission;
    lifecycle->status = 0;
    TC_CHECK(batch_queue_put(lifecycle->submissions, &submission, 0) == TC_OK);
    stepped_worker_turn(lifecycle->ordering);
    buffer_free(&plan);
    TC_CHECK(lifecycle->status != 0);                                           /* every submission is answered, */
    TC_CHECK(lifecycle->status >= STATUS_OK || count_rollouts(lifecycle) == 1); /* with the committed state */
}

static bool is_ordered(struct rollout_lifecycle *lifecycle)
{
    return lifecycle->status < STATUS_OK;
}

static void expand(struct rollout_lifecycle *lifecycle)
{
    stepped_worker_turn(lifecycle->expanding);
}

static bool is_expanded(struct rollout_lifecycle *lifecycle)
{
    return rollout_is(lifecycle, "running") &&
           rollout_lifecycle_look(lifecycle, "SELECT count(*) FROM instruction i JOIN rollout r "
                                             "ON r.id = i.rollout_id WHERE r.name = $1") == DEVICES;
}

static bool is_pooled(const struct rollout_lifecycle *lifecycle, const char *device)
{
    for (size_t i = 0; i < lifecycle->pooled_count; i++) {
        for (size_t k = 0; k < lifecycle->pooled[i].count; k++) {
            if (strcmp(lifecycle->pooled[i].rows[k].device, device) == 0)
                return true;
        }
    }
    return false;
}

static void empty_pool(struct rollout_lifecycle *lifecycle)
{
    while (lifecycle->pooled_count < POOLED_MAX &&
           batch_queue_take(lifecycle->pool, &lifecycle->pooled[lifecycle->pooled_count], 1, 0, 0) == 1)
        lifecycle->pooled_count++;
}

static void schedule(struct rollout_lifecycle *lifecycle)
{
    stepped_worker_turn(lifecycle->scheduling);
    empty_pool(lifecycle);
}

static bool is_scheduled(struct rollout_lifecycle *lifecycle)
{
    return count_in_state(lifecycle, "dispatched") == DEVICES && is_pooled(lifecycle, "A1") &&
           is_pooled(lifecycle, "P1");
}

static void deliver(struct rollout_lifecycle *lifecycle)
{
    while (lifecycle->pooled_count > 0) {
        struct pool_batch *batch = &lifecycle->pooled[lifecycle->pooled_count - 1];
        struct tc_fault fault;
        size_t delivered = 0;
        if (delivery_publish(lifecycle->thread, batch, &delivered, &fault) != TC_OK)
            return;
        free(batch->rows);
        lifecycle->pooled_count--;
    }
    delivery_drop_claims(lifecycle->thread);
    schedule(lifecycle); /* renews its claims, and takes over expired ones */
}

static bool is_delivered(struct rollout_lifecycle *lifecycle)
{
    return lifecycle->pooled_count == 0 && lifecycle->starts > 0 && lifecycle->instructions[1] > 0 &&
           rollout_lifecycle_look(lifecycle, "SELECT count(*) FROM claim WHERE $1 <> ''") == 0;
}

static void conduct(struct rollout_lifecycle *lifecycle)
{
    stepped_worker_turn(lifecycle->conducting);
}

/* Simulates that another orchestrator was the conductor and died. */
static void restore(struct rollout_lifecycle *lifecycle)
{
    if (lifecycle->delivers) {
        lifecycle->delivers = false;
        lifecycle->broker_is_new = true;
    }
    conduct(lifecycle);
    empty_pool(lifecycle);
}

static bool is_restored(struct rollout_lifecycle *lifecycle)
{
    return !lifecycle->broker_is_new && is_pooled(lifecycle, "A1") && is_pooled(lifecycle, "P1");
}

static void ask(struct rollout_lifecycle *lifecycle)
{
    memset(lifecycle->instructions, 0, sizeof lifecycle->instructions);
    struct queued_ask asks[DEVICES] = {0};
    for (int i = 0; i < DEVICES; i++)
        (void)snprintf(asks[i].device, sizeof asks[i].device, "%s", devices[i]);
    static const char told[] = "{\"versions\":{\"app\":\"0.9\"}}";
    asks[0].payload = malloc(sizeof told);
    TC_CHECK(asks[0].payload != NULL);
    memcpy(asks[0].payload, told, sizeof told);
    asks[0].length = sizeof told - 1;
    asks_answer(lifecycle->thread, asks, DEVICES);
}

static bool is_answered(struct rollout_lifecycle *lifecycle)
{
    return lifecycle->instructions[0] > 0 && lifecycle->instructions[1] > 0;
}

static void update(struct rollout_lifecycle *lifecycle)
{
    for (int i = 0; i < DEVICES; i++) {
        char reply[160];
        int length = snprintf(reply, sizeof reply,
                              "{\"instruction\":%lld,\"attempt\":1,\"sequence\":%d,\"state\":\"completed\"}",
                              (long long)instruction_of(lifecycle, devices[i]), (int)lifecycle->sequence);
        TC_CHECK(update_put_report(&lifecycle->update_queues, devices[i], reply, (size_t)length) == TC_OK);
    }
    struct update taken[BATCH];
    size_t count = batch_queue_take(lifecycle->updates, taken, BATCH, 0, 0);
    report_batch_take(&lifecycle->reports, taken, count);
    update_write(&lifecycle->writer, &lifecycle->reports);
    report_batch_clear(&lifecycle->reports);
}

static bool is_updated(struct rollout_lifecycle *lifecycle)
{
    return lifecycle->confirms[0] > 0 && lifecycle->confirms[1] > 0 &&
           count_in_state(lifecycle, "completed") == DEVICES;
}

static bool is_over(struct rollout_lifecycle *lifecycle)
{
    return rollout_is(lifecycle, "completed");
}

const struct rollout_lifecycle_step rollout_lifecycle_steps[] = {
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
const int rollout_lifecycle_step_count = sizeof rollout_lifecycle_steps / sizeof *rollout_lifecycle_steps;

void rollout_lifecycle_free_pooled(struct rollout_lifecycle *lifecycle)
{
    empty_pool(lifecycle);
    while (lifecycle->pooled_count > 0)
        free(lifecycle->pooled[--lifecycle->pooled_count].rows);
}

void rollout_lifecycle_begin_rollout(struct rollout_lifecycle *lifecycle, int number, bool imports)
{
    rollout_lifecycle_free_pooled(lifecycle);
    lifecycle->number = number;
    lifecycle->has_fleet = !imports && finds_fleet(lifecycle);
    lifecycle->is_imported = lifecycle->has_fleet;
    lifecycle->delivers = true;
    lifecycle->sequence = 1;
    lifecycle->starts = 0;
    memset(lifecycle->instructions, 0, sizeof lifecycle->instructions);
    memset(lifecycle->confirms, 0, sizeof lifecycle->confirms);
}
