/* The program of `bench claim`: the scheduler's use of the store, without anything else.
 *
 *   claim-bench DATABASE ROLLOUT HIGHER COUNT BATCH
 *
 * Claims COUNT instructions of ROLLOUT, before which the rollout HIGHER goes, turn by turn, or makes one turn when
 * COUNT is 0; prints JSON. */
#include "orchestrator/scheduler/scan_cursor.h"
#include "tests/bench/report_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2, HOUR_MS = 3600000, LEASE_MS = 60000 };

struct claiming {
    struct store *store;
    struct running_rollout rollout;
    struct claim_request request;
    struct buffer cursors;
    int64_t claimed, looks;
};

/* A claim takes nothing of a rollout that is not at the version that was read. */
static enum tc_error read_version(struct claiming *claiming, struct tc_fault *fault)
{
    struct running_rollout *rollouts;
    size_t count;
    enum tc_error error = claim_read_rollouts(claiming->store, NULL, 0, &rollouts, &count, fault);
    for (size_t i = 0; error == TC_OK && i < count; i++) {
        if (rollouts[i].id == claiming->rollout.id)
            claiming->rollout.version = rollouts[i].version;
    }
    free(rollouts);
    return error;
}

static enum tc_error take_turn(struct claiming *claiming, int64_t count, struct tc_fault *fault)
{
    struct claim_request *request = &claiming->request;
    scan_cursor_begin_turns(&claiming->cursors, &claiming->rollout, 1, request->claim_limit);
    struct scan_cursor *cursor = (void *)claiming->cursors.bytes;
    enum scan_cursor_step step = SCAN_CURSOR_ON;
    while (step == SCAN_CURSOR_ON && (count == 0 || claiming->claimed < count)) {
        struct claim_result found;
        request->scan_limit = cursor->rows;
        request->after = cursor->next;
        enum tc_error error = claim_take_due(claiming->store, request, &found, fault);
        if (error != TC_OK)
            return error;
        step = scan_cursor_note(cursor, &found, request->claim_limit);
        claiming->claimed += (int64_t)found.count;
        claiming->looks++;
        free(found.rows);
    }
    return TC_OK;
}

static enum tc_error claim(struct claiming *claiming, int64_t count, struct tc_fault *fault)
{
    enum tc_error error;
    double began = seconds_now();
    do {
        int64_t before = claiming->claimed;
        error = take_turn(claiming, count, fault);
        if (error == TC_OK && count > 0 && claiming->claimed == before)
            error = tc_fault_set(fault, TC_INTERNAL, "only %" PRId64 " could be claimed", before);
    } while (error == TC_OK && claiming->claimed < count);
    double seconds = seconds_now() - began;
    if (error == TC_OK)
        (void)printf("{\"claimed\":%" PRId64 ",\"looks\":%" PRId64 ",\"seconds\":%.4f,\"per_second\":%.1f}\n",
                     claiming->claimed, claiming->looks, seconds, (double)claiming->claimed / seconds);
    return error;
}

int main(int count, char **words)
{
    if (count != 6) {
        (void)fputs("claim-bench DATABASE ROLLOUT HIGHER COUNT BATCH\n", stderr);
        return EXIT_USAGE;
    }
    int64_t higher = strtoll(words[3], NULL, 10);
    struct claiming claiming = {
        .rollout = {.id = strtoll(words[2], NULL, 10),
                    .rules = {.dispatch_timeout_ms = HOUR_MS,
                              .answer_timeout_ms = HOUR_MS,
                              .receive_timeout_ms = HOUR_MS,
                              .install_timeout_ms = HOUR_MS}},
        .request = {.instance = "claim-bench",
                    .lease_ms = LEASE_MS,
                    .claim_limit = strtoll(words[5], NULL, 10),
                    .pull_wait_ms = HOUR_MS,
                    .higher = &higher,
                    .higher_count = 1},
    };
    claiming.request.rollout = &claiming.rollout;
    struct tc_fault fault = {0};
    enum tc_error error = store_open(words[1], "claim-bench", &claiming.store, &fault);
    if (error == TC_OK)
        error = read_version(&claiming, &fault);
    if (error == TC_OK)
        error = claim(&claiming, strtoll(words[4], NULL, 10), &fault);
    if (error != TC_OK)
        (void)fprintf(stderr, "claim-bench: %s\n", fault.text);
    buffer_free(&claiming.cursors);
    store_close(claiming.store);
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
