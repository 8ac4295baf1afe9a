#include "tests/property/engine/commands.h"

#include "tests/fleet_in_memory.h"
#include "tests/property/engine/stepped_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTS_SHARD = 50 };

/* Reads the arguments of a command. The model wrote them, so they are valid. */
#define TAKE(arguments, ...) TC_CHECK(json_unpack((arguments), __VA_ARGS__) == 0)

static json_t *done_or(enum tc_error error, const struct tc_fault *fault)
{
    return error == TC_OK ? json_object() : json_pack("{s:s}", "error", fault->text);
}

static json_t *migrate(struct engine *engine, json_t *arguments)
{
    (void)arguments;
    struct store *store;
    struct tc_fault fault = {0};
    enum tc_error error = store_open(engine->database, "property engine", &store, &fault);
    if (error == TC_OK)
        error = store_migrate(store, &fault);
    store_close(store);
    return done_or(error, &fault);
}

static json_t *open_parts(struct engine *engine, json_t *arguments)
{
    json_int_t claim_batch;
    TAKE(arguments, "[I]", &claim_batch);
    engine_close(engine);
    struct tc_fault fault = {0};
    enum tc_error error = parts_open(&engine->parts, engine->database, claim_batch, &fault);
    engine->is_open = true;
    return done_or(error, &fault);
}

void engine_close(struct engine *engine)
{
    if (engine->is_open)
        parts_close(&engine->parts);
    engine->is_open = false;
}

static json_t *set_clock(struct engine *engine, json_t *arguments)
{
    (void)engine;
    json_int_t now_ms;
    TAKE(arguments, "[I]", &now_ms);
    parts_set_clock(now_ms);
    return json_object();
}

static json_t *import_fleet(struct engine *engine, json_t *arguments)
{
    const char *document;
    size_t length;
    TAKE(arguments, "[s%]", &document, &length);
    struct document_faults faults = {0};
    struct tc_fault fault = {0};
    enum tc_error error = import_from_memory(engine->parts.store, document, length, &faults, &fault);
    if (error != TC_OK && faults.total > 0)
        (void)tc_fault_set(&fault, error, "line %u: %s", faults.items[0].line, faults.items[0].detail);
    document_faults_free(&faults);
    return done_or(error, &fault);
}

static json_t *set_calendars(struct engine *engine, json_t *arguments)
{
    const char *document;
    TAKE(arguments, "[s]", &document);
    calendars_replace(engine->parts.calendars, document);
    return json_object();
}

static void take_answer(struct submission *submission, const struct submission_answer *given)
{
    json_t *body = json_loadb(given->body, given->length, 0, NULL);
    *(json_t **)submission->context = json_pack("{s:i, s:o}", "status", given->status, "body", body);
}

static json_t *take_order(struct engine *engine, json_t *arguments)
{
    const char *author, *document;
    json_t *answer = NULL;
    struct submission submission = {
        .endpoint = ENDPOINT_HTTP, .act = act_of_test(ACCESS_SUBMIT), .answered = take_answer, .context = &answer};
    TAKE(arguments, "[ss%]", &author, &document, &submission.length);
    submission.document = strdup(document);
    TC_CHECK(submission.document != NULL);
    (void)snprintf(submission.author, sizeof submission.author, "%s", author);
    struct submission *pointer = &submission;
    TC_CHECK(batch_queue_put(engine->parts.submissions, &pointer, 0) == TC_OK);
    stepped_worker_turn(engine->parts.ordering);
    free(submission.document);
    return answer;
}

static json_t *expand(struct engine *engine, json_t *arguments)
{
    (void)arguments;
    stepped_worker_turn(engine->parts.expanding);
    return json_object();
}

/* Acts for the dispatcher: reports that these claims are delivered. */
static void drop_claims(struct engine *engine, const struct instance *instance, const struct pool_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (i > 0 && batch->rows[i].claim == batch->rows[i - 1].claim)
            continue;
        TC_CHECK(claim_drop(engine->parts.store, instance->name, &batch->rows[i].claim, 1, NULL) == TC_OK);
    }
}

static struct instance *instance_at(struct engine *engine, int number)
{
    TC_CHECK(number >= 0 && number < INSTANCES);
    return &engine->parts.instances[number];
}

static json_t *schedule(struct engine *engine, json_t *arguments)
{
    int number, delivered;
    TAKE(arguments, "[ib]", &number, &delivered);
    struct instance *instance = instance_at(engine, number);
    stepped_worker_turn(instance->scheduling);

    json_t *rows = json_array();
    struct pool_batch batch;
    while (batch_queue_length(engine->parts.pool) > 0 && batch_queue_take(engine->parts.pool, &batch, 1, 0, 0) == 1) {
        for (size_t i = 0; i < batch.count; i++) {
            const struct claimed *row = &batch.rows[i];
            TC_CHECK(json_array_append_new(rows, json_pack("[I,i,s,I]", (json_int_t)row->instruction, (int)row->attempt,
                                                           row->device, (json_int_t)row->start_before_s)) == 0);
        }
        if (delivered)
            drop_claims(engine, instance, &batch);
        free(batch.rows);
    }
    return json_pack("{s:o}", "rows", rows);
}

static json_t *conduct(struct engine *engine, json_t *arguments)
{
    int number;
    TAKE(arguments, "[i]", &number);
    stepped_worker_turn(instance_at(engine, number)->conducting);
    stepped_worker_turn(engine->parts.ordering); /* it may have requested rollbacks */
    return json_object();
}

static void take_report(json_t *row, struct report_row *report)
{
    json_int_t instruction;
    const char *device;
    int attempt, event, sequence, progress;
    *report = (struct report_row){0};
    TAKE(row, "[Isiiiis]", &instruction, &device, &attempt, &event, &sequence, &progress, &report->code);
    report->instruction = instruction;
    report->attempt = attempt;
    report->event = (enum instruction_event)event;
    report->sequence = sequence;
    report->progress = progress;
    (void)snprintf(report->device, sizeof report->device, "%s", device);
}

static json_t *write_reports(struct engine *engine, json_t *arguments)
{
    size_t count = json_array_size(arguments);
    struct report_row *reports = calloc(count, sizeof *reports);
    struct report_result *results = calloc(count, sizeof *results);
    TC_CHECK(reports != NULL && results != NULL);
    for (size_t i = 0; i < count; i++)
        take_report(json_array_get(arguments, i), &reports[i]);
    struct tc_fault fault = {0};
    enum tc_error error = report_write(engine->parts.store, reports, count, REPORTS_SHARD, results, &fault);
    json_t *verdicts = json_array();
    for (size_t i = 0; i < count; i++)
        TC_CHECK(json_array_append_new(verdicts, json_integer(results[i].verdict)) == 0);
    free(results);
    free(reports);
    json_t *answer = done_or(error, &fault);
    TC_CHECK(json_object_set_new(answer, "verdicts", verdicts) == 0);
    return answer;
}

static const struct {
    const char *name;
    json_t *(*run)(struct engine *engine, json_t *arguments);
} commands[] = {
    {"migrate", migrate},        {"open", open_parts},         {"clock", set_clock},
    {"fleet", import_fleet},     {"calendars", set_calendars}, {"order", take_order},
    {"expand", expand},          {"schedule", schedule},       {"conduct", conduct},
    {"operate", engine_operate}, {"report", write_reports},    {"give_back", engine_give_back},
    {"explain", engine_explain}, {"freeze", engine_freeze},    {"lift", engine_lift},
};

void engine_run(struct engine *engine, const char *line)
{
    json_t *words = json_loads(line, 0, NULL);
    const char *name;
    json_t *arguments;
    TAKE(words, "[so]", &name, &arguments);
    size_t i = 0;
    while (strcmp(commands[i].name, name) != 0)
        TC_CHECK(++i < sizeof commands / sizeof *commands);
    json_t *answer = commands[i].run(engine, arguments);
    TC_CHECK(json_dumpf(answer, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && fflush(stdout) == 0);
    json_decref(answer);
    json_decref(words);
}
