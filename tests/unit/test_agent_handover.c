/* The agent with a privileged half: what it hands over, and when. */
#include "tests/unit/agent_steps.h"

static int set_up_split(void **state)
{
    int made = set_up(state);
    bench.config.install_socket = "/s";
    bench.config.executables[ACTION_INSTALL] = "";
    bench.config.executables[ACTION_ROLLBACK] = NULL;
    bench.config.versions_executable = "";
    (void)snprintf(bench.handed_nonce, sizeof bench.handed_nonce, "of-the-half-1");
    bench_restart(&bench);
    return made;
}

static void next_nonce(void)
{
    bench.handed_nonce[strlen(bench.handed_nonce) - 1]++;
}

static void ask_again(void)
{
    next_nonce();
    bench_dispatch(&bench, 60000);
    bench_pass(&bench, 1000);
}

static void an_instruction_is_handed_over_with_the_answer_that_proves_the_time(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    assert_string_equal(bench.nonce, "of-the-half-1");
    bench_answer(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_step(&bench);
    assert_int_equal(bench.installs, 1);
    assert_string_equal(bench.last_socket, "/s");
    assert_true(bench.last_token.length > 100);
    assert_string_equal(buffer_text(&bench.last_token), buffer_text(&bench.last_proof));
    assert_string_equal(bench.last_artifact, "/downloaded");
}

static void an_action_with_an_executable_of_its_own_runs_here(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_answer(&bench, 77, 1, BENCH_CONFIGURE);
    bench_step(&bench);
    assert_int_equal(bench.installs, 1);
    assert_string_equal(bench.last_socket, "");
    assert_int_equal(bench.last_token.length, 0);
}

static void without_a_proof_it_asks_once_more_before_it_hands_over(void **state)
{
    (void)state;
    bench.handed_nonce[0] = '\0';
    bench_make_idle(&bench, NULL);
    bench_forget_sent(&bench);
    (void)snprintf(bench.handed_nonce, sizeof bench.handed_nonce, "of-the-half-1");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL); /* not an answer to an ask with a nonce */
    bench_downloaded(&bench, "");
    bench_step(&bench);
    assert_int_equal(bench.installs, 0);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    assert_string_equal(bench.nonce, "of-the-half-1");
    bench_pass(&bench, 1000);
    assert_int_equal(bench.installs, 0);
    bench_prove_time(&bench, 0);
    bench_step(&bench);
    assert_int_equal(bench.installs, 1);
    assert_true(bench.last_proof.length > 0);
    assert_string_not_equal(buffer_text(&bench.last_token), buffer_text(&bench.last_proof));
}

static void a_rejection_by_the_privileged_half_is_reported(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_answer(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_step(&bench);
    bench_installed(&bench, INSTALL_REJECTED, "expired");
    bench_read_versions(&bench, NULL);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "expired");
    ask_again();
    bench_answer(&bench, 77, 1, BENCH_INSTALL);
    assert_int_equal(bench.installs, 1);
}

static void end_versions(enum install_outcome outcome, const char *code, const char *version, const char *said)
{
    struct install_result result = {.outcome = outcome};
    (void)snprintf(result.code, sizeof result.code, "%s", code);
    (void)snprintf(result.said, sizeof result.said, "%s", said);
    if (version != NULL)
        agent_install_version(bench.agent, "atm-app", version);
    agent_installer_ended(bench.agent, &result, bench.now);
    bench_step(&bench);
}

static void install_with_versions_to_read(void)
{
    bench_make_idle(&bench, NULL);
    bench_answer(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_step(&bench);
    bench_forget_sent(&bench);
    bench_installed(&bench, INSTALL_DONE, "");
}

/* An installer of the agent itself is busy until the new agent has connected. */
static void an_end_waits_for_its_version_over_a_restart(void **state)
{
    (void)state;
    static const char *const codes[] = {"installer_unreachable", "installer_busy"};
    install_with_versions_to_read();
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        end_versions(INSTALL_DEFERRED, codes[i], NULL, codes[i]);
        assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 0);
        bench_restart(&bench);
    }
    next_nonce();
    bench_connect(&bench);
    end_versions(INSTALL_DONE, "", "4.7.2", "");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
}

static void the_installer_may_say_why_its_version_is_not_there(void **state)
{
    (void)state;
    install_with_versions_to_read();
    end_versions(INSTALL_DONE, "", "4.7.0", "agent_went_back");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "agent_went_back");
}

#define SPLIT(test) cmocka_unit_test_setup_teardown(test, set_up_split, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPLIT(an_instruction_is_handed_over_with_the_answer_that_proves_the_time),
        SPLIT(an_action_with_an_executable_of_its_own_runs_here),
        SPLIT(without_a_proof_it_asks_once_more_before_it_hands_over),
        SPLIT(a_rejection_by_the_privileged_half_is_reported),
        SPLIT(an_end_waits_for_its_version_over_a_restart),
        SPLIT(the_installer_may_say_why_its_version_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
