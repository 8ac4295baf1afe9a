/* The program of `bench plan`: the planner's use of the store, without anything else.
 *
 *   plan-bench DATABASE                        brings the schema to this version
 *   plan-bench DATABASE PLAN.yaml PER_MINUTE   submits the plan and expands it; prints JSON */
#include "base/file.h"
#include "orchestrator/store/planning.h"
#include "tests/act_of_test.h"
#include "tests/bench/report_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, PLAN_BYTES_MAX = 1 << 20 };

static enum tc_error read_plan(const char *path, struct plan **plan, struct tc_fault *fault)
{
    struct buffer text = {0};
    struct document_faults faults = {0};
    enum tc_error error = file_read(path, PLAN_BYTES_MAX, &text, fault);
    if (error == TC_OK && plan_parse(buffer_text(&text), text.length, plan, &faults) != TC_OK)
        error = tc_fault_set(fault, TC_INVALID, "%s:%u: %s", path, faults.items[0].line, faults.items[0].detail);
    document_faults_free(&faults);
    buffer_free(&text);
    return error;
}

static void ignore_finding(void *context, const struct plan_finding *finding)
{
    (void)context, (void)finding;
}

static enum tc_error submission(struct store *store, const struct plan *plan, struct tc_fault *fault)
{
    static const struct plan_findings findings = {ignore_finding, NULL};
    struct new_rollout new_rollout = {
        .plan = plan, .content = "{}", .calendars = "{}", .author = "bench", .endpoint = "http"};
    struct submitted submitted;
    struct act act = act_of_test(ACCESS_SUBMIT);
    acts_set(store, &act);
    enum tc_error error = planning_check(store, plan, &new_rollout.devices, &findings, fault);
    if (error == TC_OK)
        error = planning_submit(store, &new_rollout, &submitted, fault);
    acts_set(store, NULL);
    return error;
}

static enum tc_error expand(struct store *store, int64_t per_minute, struct tc_fault *fault)
{
    struct planned planned;
    double began = seconds_now();
    enum tc_error error = planning_expand_next(store, 0, per_minute, &planned, fault);
    if (error == TC_OK)
        (void)printf("{\"rollout\":%" PRId64 ",\"instructions\":%" PRId64 ",\"seconds\":%.3f}\n", planned.rollout,
                     planned.instructions, seconds_now() - began);
    return error;
}

static enum tc_error plan_file(struct store *store, const char *path, int64_t per_minute, struct tc_fault *fault)
{
    struct plan *plan = NULL;
    enum tc_error error = read_plan(path, &plan, fault);
    if (error == TC_OK)
        error = submission(store, plan, fault);
    if (error == TC_OK)
        error = expand(store, per_minute, fault);
    plan_free(plan);
    return error;
}

int main(int count, char **words)
{
    if (count != 2 && count != 4) {
        (void)fputs("plan-bench DATABASE [PLAN.yaml PER_MINUTE]\n", stderr);
        return EXIT_USAGE;
    }
    struct store *store = NULL;
    struct tc_fault fault = {0};
    enum tc_error error = store_open(words[1], "plan-bench", &store, &fault);
    if (error == TC_OK)
        error =
            count == 2 ? store_migrate(store, &fault) : plan_file(store, words[2], strtoll(words[3], NULL, 10), &fault);
    if (error != TC_OK)
        (void)fprintf(stderr, "plan-bench: %s\n", fault.text);
    store_close(store);
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
