#include "clients/agent/agent_view.h"
#include "clients/agent/machine_status.h"
#include "clients/agent/technician/technician_pace.h"
#include "tests/unit/agent_steps.h"

#include <sys/stat.h>
#include <unistd.h>

#define LENGTH_MS (2 * HOUR_MS)
#define REASON "replacing the dispenser"
#define CODE "held_by_technician"

static void hold(int64_t length_ms)
{
    struct tc_fault fault;
    assert_int_equal(agent_hold(bench.agent, length_ms, REASON, "uid 0", bench.now, &fault), TC_OK);
    bench_step(&bench);
}

static bool is_held(void)
{
    struct agent_view view;
    agent_describe(bench.agent, bench.now, &view);
    return view.hold != NULL;
}

static void an_instruction_during_a_hold_is_deferred_with_its_reason(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    hold(LENGTH_MS);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_DEFERRED, CODE);
    assert_string_equal(bench_last_report(&bench).detail, REASON);
    assert_int_equal(bench.downloads, 0);

    bench_pass(&bench, LENGTH_MS);
    assert_false(is_held());
    bench_instruct(&bench, 77, 2, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 2, REPORT_RECEIVED, "");
}

static void a_hold_ends_by_itself_and_the_device_asks(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    hold(LENGTH_MS);
    bench_prove_time(&bench, 0);
    bench_forget_sent(&bench);
    bench_pass(&bench, LENGTH_MS - 1);
    assert_true(is_held());
    size_t asks = bench_count_sent(&bench, TOPIC_ASK);
    bench_pass(&bench, 1);
    assert_false(is_held());
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), asks + 1);
}

static void a_hold_outlives_the_agent(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    hold(LENGTH_MS);
    bench_pass(&bench, HOUR_MS);
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    assert_true(is_held());
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 77, 1, REPORT_DEFERRED, CODE);
    bench_pass(&bench, HOUR_MS);
    assert_false(is_held());
    bench_restart(&bench);
    assert_false(is_held());
}

static void a_release_ends_the_hold_for_good(void **state)
{
    (void)state;
    struct tc_fault fault;
    bench_make_idle(&bench, NULL);
    assert_int_equal(agent_release(bench.agent, bench.now, &fault), TC_NOT_FOUND);
    hold(LENGTH_MS);
    assert_int_equal(agent_release(bench.agent, bench.now, &fault), TC_OK);
    assert_false(is_held());
    bench_restart(&bench);
    assert_false(is_held());
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 77, 1, REPORT_INSTALLING, "");
}

static void a_release_that_is_refused_leaves_the_hold(void **state)
{
    (void)state;
    char path[200];
    struct tc_fault fault;
    bench_make_idle(&bench, NULL);
    hold(LENGTH_MS);
    (void)snprintf(path, sizeof path, "%s/hold", bench.folder.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* so that it cannot be removed */
    assert_int_not_equal(agent_release(bench.agent, bench.now, &fault), TC_OK);
    assert_true(is_held());
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(agent_release(bench.agent, bench.now, &fault), TC_OK);
    assert_false(is_held());
}

static void holds_and_releases_one_after_the_other_make_few_asks(void **state)
{
    (void)state;
    struct tc_fault fault;
    bench_make_idle(&bench, NULL);
    bench_prove_time(&bench, 0);
    bench_forget_sent(&bench);
    size_t asks = bench_count_sent(&bench, TOPIC_ASK);
    for (int i = 0; i < 10; i++) {
        hold(LENGTH_MS);
        assert_int_equal(agent_release(bench.agent, bench.now, &fault), TC_OK);
        bench_step(&bench);
    }
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), asks + 1);
    bench_pass(&bench, TECHNICIAN_PACE_MS - 1);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), asks + 1);
    bench_pass(&bench, 1);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), asks + 2);
    bench_pass(&bench, TECHNICIAN_PACE_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), asks + 2);
}

static void an_installation_that_runs_goes_on_and_one_that_is_prepared_does_not_begin(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
    hold(LENGTH_MS);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");

    struct tc_fault fault;
    assert_int_equal(agent_release(bench.agent, bench.now, &fault), TC_OK);
    bench_instruct(&bench, 78, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 78, 1, REPORT_RECEIVED, "");
    hold(LENGTH_MS);
    bench_downloaded(&bench, "");
    bench_assert_last(&bench, 78, 1, REPORT_DEFERRED, CODE);
    assert_int_equal(bench.installs, 1);
}

static void a_hold_ends_at_its_time_over_restarts_of_the_machine_and_never_lasts_longer(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct hold_clocks written, now;
        int64_t left_ms;
    } cases[] = {
        {"at once", {1000, 50000}, {1000, 50000}, LENGTH_MS},
        {"an hour later", {1000, 50000}, {1000 + HOUR_MS, 50000 + HOUR_MS}, HOUR_MS},
        {"the wall clock was set back", {1000, HOUR_MS}, {1000 + HOUR_MS, 0}, HOUR_MS},
        {"the machine was off for half an hour", {HOUR_MS, 0}, {1000, HOUR_MS / 2}, LENGTH_MS - HOUR_MS / 2},
        {"it was off for a day", {HOUR_MS, 0}, {1000, 24 * HOUR_MS}, LENGTH_MS - 24 * HOUR_MS},
        {"it started without its wall clock", {HOUR_MS, 24 * HOUR_MS}, {1000, 0}, LENGTH_MS - 1000},
        {"it has run for longer since", {1000, 24 * HOUR_MS}, {HOUR_MS, 0}, LENGTH_MS - (HOUR_MS - 1000)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t end_ms = hold_end(cases[i].written, LENGTH_MS, cases[i].now);
        if (end_ms - cases[i].now.boot_ms != cases[i].left_ms)
            fail_msg("%s: %lld ms are left", cases[i].what, (long long)(end_ms - cases[i].now.boot_ms));
    }
}

static void a_file_that_is_no_hold_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"boot_ms\":1,\"since_ms\":1,\"length_ms\":99999999999,\"reason\":\"x\",\"person\":\"y\"}",
        "{\"boot_ms\":-1,\"since_ms\":1,\"length_ms\":60000,\"reason\":\"x\",\"person\":\"y\"}",
        "{\"boot_ms\":1,\"since_ms\":9223372036854775807,\"length_ms\":60000,\"reason\":\"x\",\"person\":\"y\"}",
        "{\"boot_ms\":9223372036854775807,\"since_ms\":1,\"length_ms\":60000,\"reason\":\"x\",\"person\":\"y\"}",
        "{\"boot_ms\":1,\"since_ms\":1,\"length_ms\":60000,\"reason\":7,\"person\":\"y\"}"};
    char path[200];
    (void)snprintf(path, sizeof path, "%s/damaged", bench.folder.path);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hold found;
        struct tc_fault fault;
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(texts[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(hold_read(path, (struct hold_clocks){2, 2}, &found, &fault), TC_INVALID);
        assert_int_equal(found.ends_ms, 0);
    }
}

/* ---- what the technician reads ---- */

static const char *codes_of(const struct machine_status *status)
{
    static char codes[200];
    struct buffer text = {0};
    json_t *document = machine_status_document(status);
    size_t index;
    const json_t *reason;
    json_array_foreach(json_object_get(document, "reasons"), index, reason)
    {
        buffer_format(&text, "%s ", json_string_value(json_object_get(reason, "code")));
        assert_true(strlen(json_string_value(json_object_get(reason, "text"))) > 0);
    }
    json_decref(document);
    (void)snprintf(codes, sizeof codes, "%s", buffer_text(&text));
    buffer_free(&text);
    return codes;
}

static void the_status_gives_each_reason_for_which_the_device_waits(void **state)
{
    (void)state;
    struct agent_view view;
    struct session_view session = {.activity = SESSION_WAITING, .hosts = "mq1,mq2", .fault = "refused"};
    struct machine_status status = {.device = "A7",
                                    .branch = "B1",
                                    .role = ROLE_ATM,
                                    .agent = &view,
                                    .session = &session,
                                    .awaits_certificate = true};
    bench_make_idle(&bench, NULL);
    bench_prove_time(&bench, 0);
    agent_describe(bench.agent, bench.now, &view);
    assert_string_equal(codes_of(&status), "no_certificate nothing ");
    session.is_former = true;
    assert_string_equal(codes_of(&status), "not_connected nothing ");
    status.awaits_certificate = false;
    session.activity = SESSION_CONNECTING;
    assert_string_equal(codes_of(&status), "not_connected nothing ");
    session.activity = SESSION_CONNECTED;
    assert_string_equal(codes_of(&status), "nothing ");
    hold(LENGTH_MS);
    agent_describe(bench.agent, bench.now, &view);
    assert_string_equal(codes_of(&status), "held_by_technician asking ");
}

static void the_status_shows_what_is_carried_out_and_what_ended(void **state)
{
    (void)state;
    struct agent_view view;
    bench_make_idle(&bench, "4.7.0");
    bench_prove_time(&bench, 0);
    agent_describe(bench.agent, bench.now, &view);
    assert_int_equal(view.activity, ACTIVITY_NOTHING);
    assert_int_equal(view.instruction, 0);
    assert_null(view.last);
    assert_true(view.is_time_known);

    bench_instruct(&bench, 77, 3, BENCH_INSTALL);
    agent_describe(bench.agent, bench.now, &view);
    assert_int_equal(view.activity, ACTIVITY_DOWNLOADING);
    assert_int_equal(view.instruction, 77);
    assert_int_equal(view.attempt, 3);
    assert_string_equal(view.version, "4.7.2");
    bench_downloaded(&bench, "");
    agent_describe(bench.agent, bench.now, &view);
    assert_int_equal(view.activity, ACTIVITY_INSTALLING);
    assert_int_equal(view.progress, 0);
    bench_installed(&bench, INSTALL_FAILED, "installer_exit_3");
    bench_read_versions(&bench, "4.7.0");
    agent_describe(bench.agent, bench.now, &view);
    assert_int_equal(view.instruction, 0);
    assert_non_null(view.last);
    assert_string_equal(view.last->code, "installer_exit_3");
    assert_int_equal(view.unconfirmed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(an_instruction_during_a_hold_is_deferred_with_its_reason),
        ATM(a_hold_ends_by_itself_and_the_device_asks),
        ATM(a_hold_outlives_the_agent),
        ATM(a_release_ends_the_hold_for_good),
        ATM(a_release_that_is_refused_leaves_the_hold),
        ATM(holds_and_releases_one_after_the_other_make_few_asks),
        ATM(an_installation_that_runs_goes_on_and_one_that_is_prepared_does_not_begin),
        ATM(a_hold_ends_at_its_time_over_restarts_of_the_machine_and_never_lasts_longer),
        ATM(a_file_that_is_no_hold_is_none),
        ATM(the_status_gives_each_reason_for_which_the_device_waits),
        ATM(the_status_shows_what_is_carried_out_and_what_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
