/* The floor of `bench update`: as many connections, each in a loop of one statement a batch.
 *
 *   update-floor DATABASE STATEMENT.sql REPORTS CONNECTIONS BATCH prints JSON */
#include "base/file.h"
#include "base/thread.h"
#include "orchestrator/store/params.h"
#include "tests/bench/report_stream.h"

#include <postgresql/libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, STATEMENT_BYTES_MAX = 65536, FIRST_STATE = 3 };

struct move {
    const struct reporting_device *device;
    int stage;
};

struct line {
    pthread_t thread;
    PGconn *connection;
    struct move *moves;
    size_t count, batch;
    bool has_failed;
};

struct lines {
    struct line *items;
    size_t count;
};

static void add_move(void *context, const struct reporting_device *device, int stage)
{
    struct lines *lines = context;
    struct line *line = &lines->items[(uint64_t)device->instruction % lines->count];
    line->moves[line->count++] = (struct move){device, stage};
}

static void fill_params(struct params *params, const struct move *moves, size_t count)
{
    params_begin(params);
    params_begin_int_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, moves[i].device->instruction);
    params_end_array(params);
    params_begin_text_array(params, count, false);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, moves[i].device->device);
    params_end_array(params);
    params_begin_int2_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, FIRST_STATE + moves[i].stage);
    params_end_array(params);
    params_begin_int4_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, moves[i].stage + 1);
    params_end_array(params);
    params_begin_text_array(params, count, false);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, moves[i].stage == STAGE_COMPLETED ? "{\"atm-app\":\"4.7.2\"}" : "");
    params_end_array(params);
}

static bool run_batch(struct line *line, struct params *params)
{
    const char *values[PARAMS_MAX];
    for (int i = 0; i < params->count; i++)
        values[i] = params->bytes.bytes + params->offsets[i];
    PGresult *result =
        PQexecPrepared(line->connection, "move", params->count, values, params->lengths, params->formats, 0);
    bool is_good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!is_good)
        (void)fprintf(stderr, "update-floor: %s", PQerrorMessage(line->connection));
    PQclear(result);
    return is_good;
}

static void *run_line(void *argument)
{
    struct line *line = argument;
    struct params params = {0};
    for (size_t done = 0; done < line->count && !line->has_failed; done += line->batch) {
        size_t left = line->count - done;
        fill_params(&params, line->moves + done, left < line->batch ? left : line->batch);
        line->has_failed = !run_batch(line, &params);
    }
    params_free(&params);
    return NULL;
}

static enum tc_error open_line(struct line *line, const char *database, const char *statement, size_t most,
                               struct tc_fault *fault)
{
    line->moves = calloc(most + 1, sizeof *line->moves);
    TC_CHECK(line->moves != NULL);
    line->connection = PQconnectdb(database);
    PGresult *result = PQprepare(line->connection, "move", statement, 0, NULL);
    bool is_good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return is_good ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "%s", PQerrorMessage(line->connection));
}

static enum tc_error run_lines(struct lines *lines, struct tc_fault *fault)
{
    size_t moves = 0;
    double began = seconds_now();
    for (size_t i = 0; i < lines->count; i++) {
        moves += lines->items[i].count;
        enum tc_error error = thread_start(&lines->items[i].thread, "line", run_line, &lines->items[i], fault);
        TC_CHECK(error == TC_OK);
    }
    bool has_failed = false;
    for (size_t i = 0; i < lines->count; i++) {
        (void)pthread_join(lines->items[i].thread, NULL);
        has_failed = has_failed || lines->items[i].has_failed;
    }
    double seconds = seconds_now() - began;
    if (has_failed)
        return tc_fault_set(fault, TC_INTERNAL, "a batch failed");
    (void)printf("{\"reports\":%zu,\"seconds\":%.3f,\"per_second\":%.1f}\n", moves, seconds, (double)moves / seconds);
    return TC_OK;
}

static enum tc_error measure(char **words, struct tc_fault *fault)
{
    struct buffer statement = {0};
    struct report_stream stream = {0};
    struct lines lines = {.count = strtoul(words[4], NULL, 10)};
    lines.items = calloc(lines.count, sizeof *lines.items);
    TC_CHECK(lines.items != NULL);
    enum tc_error error = file_read(words[2], STATEMENT_BYTES_MAX, &statement, fault);
    if (error == TC_OK)
        error = report_stream_read(words[3], &stream, fault);
    for (size_t i = 0; i < lines.count && error == TC_OK; i++) {
        lines.items[i].batch = strtoul(words[5], NULL, 10);
        error = open_line(&lines.items[i], words[1], buffer_text(&statement), stream.count * STAGES, fault);
    }
    if (error == TC_OK) {
        report_stream_each(&stream, add_move, &lines);
        error = run_lines(&lines, fault);
    }
    for (size_t i = 0; i < lines.count; i++) {
        PQfinish(lines.items[i].connection);
        free(lines.items[i].moves);
    }
    free(lines.items);
    report_stream_free(&stream);
    buffer_free(&statement);
    return error;
}

int main(int count, char **words)
{
    if (count != 6) {
        (void)fputs("update-floor DATABASE STATEMENT.sql REPORTS CONNECTIONS BATCH\n", stderr);
        return EXIT_USAGE;
    }
    struct tc_fault fault = {0};
    enum tc_error error = measure(words, &fault);
    if (error != TC_OK)
        (void)fprintf(stderr, "update-floor: %s\n", fault.text);
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
