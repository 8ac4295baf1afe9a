#include "base/clock.h"
#include "base/file.h"
#include "clients/agent/action/install.h"
#include "clients/agent/action/install_output.h"
#include "tests/unit/temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { DEADLINE_MS = 30000 };

struct fixture {
    struct temporary_folder folder;
    char script[PATH_MAX], lock[PATH_MAX];
    atomic_bool stop;
    struct buffer heard; /* the recorded calls of the callbacks */
    struct install_request request;
    struct install_result result;
};

static void hear_progress(void *context, int percent, const char *text)
{
    struct fixture *fixture = context;
    buffer_format(&fixture->heard, "[%d %s]", percent, text);
}

static void hear_version(void *context, const char *name, const char *version)
{
    struct fixture *fixture = context;
    buffer_format(&fixture->heard, "[%s=%s]", name, version);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    temporary_folder_make(&fixture->folder);
    fixture->request = (struct install_request){
        .executable = temporary_path(&fixture->folder, "installer", fixture->script),
        .action = "install",
        .working_folder = fixture->folder.path,
        .lock_path = temporary_path(&fixture->folder, "lock", fixture->lock),
        .device = "A7",
        .instruction = 77,
        .rollout = 42,
        .attempt = 2,
        .artifact_name = "atm-app",
        .artifact_version = "4.7.2",
        .artifact_file = "/a/b",
        .parameters_file = "/p.json",
        .timeout_ms = DEADLINE_MS,
        .grace_ms = DEADLINE_MS,
        .stop_grace_ms = DEADLINE_MS,
        .stop = &fixture->stop,
        .on_progress = hear_progress,
        .on_version = hear_version,
        .context = fixture,
    };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    temporary_folder_remove(&fixture->folder);
    buffer_free(&fixture->heard);
    free(fixture);
    return 0;
}

static void write_script(struct fixture *fixture, const char *body)
{
    struct buffer text = {0};
    buffer_format(&text, "#!/bin/sh\n%s\n", body);
    assert_int_equal(file_replace(fixture->script, text.bytes, text.length, 0700, NULL), TC_OK);
    buffer_free(&text);
}

static void run_script(struct fixture *fixture, const char *body)
{
    write_script(fixture, body);
    install_run(&fixture->request, &fixture->result);
}

static bool exists(const struct fixture *fixture, const char *name)
{
    char path[PATH_MAX];
    return access(temporary_path(&fixture->folder, name, path), F_OK) == 0;
}

static void wait_for_file(const struct fixture *fixture, const char *name)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (!exists(fixture, name)) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

static pid_t pid_in(const struct fixture *fixture, const char *name)
{
    struct buffer text = {0};
    char path[PATH_MAX];
    assert_int_equal(file_read(temporary_path(&fixture->folder, name, path), 100, &text, NULL), TC_OK);
    pid_t pid = (pid_t)strtol(text.bytes, NULL, 10);
    buffer_free(&text);
    return pid;
}

static void exit_codes_say_done_later_or_failed(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "exit 0");
    assert_int_equal(fixture->result.outcome, INSTALL_DONE);
    assert_string_equal(fixture->result.code, "");
    run_script(fixture, "echo a customer is at the machine; exit 75");
    assert_int_equal(fixture->result.outcome, INSTALL_DEFERRED);
    assert_string_equal(fixture->result.detail, "a customer is at the machine");
    run_script(fixture, "echo no such part >&2; exit 3");
    assert_int_equal(fixture->result.outcome, INSTALL_FAILED);
    assert_string_equal(fixture->result.code, "installer_exit_3");
    assert_string_equal(fixture->result.detail, "no such part");
}

static void two_exit_codes_have_a_code_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "echo nothing to go back to; exit 66");
    assert_int_equal(fixture->result.outcome, INSTALL_FAILED);
    assert_string_equal(fixture->result.code, "no_previous");
    assert_string_equal(fixture->result.detail, "nothing to go back to");
    run_script(fixture, "echo code ignored; echo the dispenser does not answer; exit 69");
    assert_int_equal(fixture->result.outcome, INSTALL_FAILED);
    assert_string_equal(fixture->result.code, "out_of_service");
    assert_string_equal(fixture->result.detail, "the dispenser does not answer");
}

static void an_installer_can_say_a_code_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "echo code customer_present; echo since two minutes; exit 75");
    assert_int_equal(fixture->result.outcome, INSTALL_DEFERRED);
    assert_string_equal(fixture->result.code, "customer_present");
    assert_string_equal(fixture->result.detail, "since two minutes");
    run_script(fixture, "echo code first; echo code disk_full; exit 3");
    assert_int_equal(fixture->result.outcome, INSTALL_FAILED);
    assert_string_equal(fixture->result.code, "disk_full");
    run_script(fixture, "echo code of conduct; echo code; exit 3"); /* no codes: a detail */
    assert_string_equal(fixture->result.code, "installer_exit_3");
    assert_string_equal(fixture->result.detail, "code of conduct | code");
    run_script(fixture, "echo code fine; exit 0");
    assert_int_equal(fixture->result.outcome, INSTALL_DONE);
    assert_string_equal(fixture->result.code, "");
}

static void an_installer_that_crashes_is_reported_by_its_signal(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "kill -SEGV $$");
    assert_int_equal(fixture->result.outcome, INSTALL_FAILED);
    assert_string_equal(fixture->result.code, "installer_signal_11");
}

static void an_installer_that_is_not_there_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    install_run(&fixture->request, &fixture->result);
    assert_int_equal(fixture->result.outcome, INSTALL_FAILED);
    assert_string_equal(fixture->result.code, "installer_missing");
    assert_non_null(strstr(fixture->result.detail, "No such file"));
}

static void it_sees_its_action_its_environment_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct buffer seen = {0};
    char path[PATH_MAX];
    assert_int_equal(setenv("SECRET", "1", 1), 0);
    int leaked = open(fixture->folder.path, O_RDONLY | O_DIRECTORY);
    run_script(fixture,
               "echo \"$#:$1\" >seen; env | grep -v ^_= | grep -v ^PWD= | sort >>seen; pwd >>seen; cat >>seen; "
               "readlink /proc/$$/fd/* | grep -x \"$PWD\" >>seen; exit 0");
    (void)close(leaked);
    assert_int_equal(fixture->result.outcome, INSTALL_DONE);
    assert_int_equal(file_read(temporary_path(&fixture->folder, "seen", path), 65536, &seen, NULL), TC_OK);
    struct buffer expected = {0};
    buffer_format(&expected,
                  "1:install\nLANG=C.UTF-8\n"
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                  "TELLERCAST_ARTIFACT_FILE=/a/b\nTELLERCAST_ARTIFACT_NAME=atm-app\nTELLERCAST_ARTIFACT_VERSION=4.7.2\n"
                  "TELLERCAST_ATTEMPT=2\nTELLERCAST_DEVICE=A7\nTELLERCAST_INSTRUCTION=77\n"
                  "TELLERCAST_PARAMETERS=/p.json\nTELLERCAST_ROLLOUT=42\n%s\n",
                  fixture->folder.path);
    assert_string_equal(buffer_text(&seen), buffer_text(&expected));
    buffer_free(&seen);
    buffer_free(&expected);
}

static void progress_and_versions_are_reported_while_it_runs(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture,
               "echo progress 40 copying files; echo version atm-app 4.7.2; echo progress 100; printf 'version b 1'");
    assert_string_equal(buffer_text(&fixture->heard), "[40 copying files][atm-app=4.7.2][100 ][b=1]");
}

static void hear_log(void *context, const char *text, size_t length)
{
    buffer_put(&((struct fixture *)context)->heard, text, length);
}

static void no_line_of_a_collected_file_is_a_command(void **state)
{
    static const char content[] = "progress 40 copying\nversion atm-app 4.7.2\ncode jam\ncard 4111111111111111\n";
    struct fixture *fixture = *state;
    struct buffer script = {0};
    fixture->request.action = "collect";
    fixture->request.on_log = hear_log;
    buffer_format(&script, "printf '%%s' '%s'; exit 5", content);
    run_script(fixture, buffer_text(&script));
    buffer_free(&script);
    assert_string_equal(buffer_text(&fixture->heard),
                        "progress 40 copying\nversion atm-app 4.7.2\ncode jam\ncard ****************\n");
    assert_string_equal(fixture->result.code, "installer_exit_5");
}

static void what_looks_like_progress_and_is_not_is_only_text(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "echo progress 101; echo progress x; echo progress 4x; echo progressing 5; echo version a; "
                        "echo 'version a b c'; echo version ../x 1; exit 1");
    assert_string_equal(buffer_text(&fixture->heard), "");
    assert_string_equal(fixture->result.detail, "progress 101 | progress x | progress 4x | progressing 5 | version a | "
                                                "version a b c | version ../x 1");
}

static void any_amount_of_garbage_is_bounded_and_becomes_text(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "head -c 5000000 /dev/urandom; printf '\\n'; printf '\\377\\001 the end\\n'; exit 1");
    assert_string_equal(fixture->result.code, "installer_exit_1");
    const char *end = strstr(fixture->result.detail, "?? the end");
    assert_non_null(end);
    assert_string_equal(end, "?? the end");
}

static void beyond_its_time_it_is_asked_to_end(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.timeout_ms = 300;
    run_script(fixture, "trap 'echo cleaned up; exit 4' TERM; echo begun; while :; do sleep 0.05; done");
    assert_string_equal(fixture->result.code, "installer_timeout");
    assert_non_null(strstr(fixture->result.detail, "cleaned up"));
}

static void one_that_does_not_end_is_killed_with_all_it_started(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.timeout_ms = 300;
    fixture->request.grace_ms = 100;
    run_script(fixture, "trap '' TERM; sleep infinity & echo $! >child; while :; do sleep 0.05; done");
    assert_string_equal(fixture->result.code, "installer_timeout");
    pid_t child = pid_in(fixture, "child");
    /* It is nobody's child now; a zombie that nobody reaps is as dead. */
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    char state_path[64];
    (void)snprintf(state_path, sizeof state_path, "/proc/%d/stat", (int)child);
    for (bool is_dead = false; !is_dead;) {
        struct buffer stat_text = {0};
        is_dead = file_read(state_path, 4096, &stat_text, NULL) != TC_OK || strstr(stat_text.bytes, ") Z ") != NULL;
        buffer_free(&stat_text);
        assert_true(clock_monotonic_ms() < deadline_ms);
    }
}

static void what_it_leaves_running_does_not_keep_the_agent_waiting(void **state)
{
    struct fixture *fixture = *state;
    run_script(fixture, "sleep infinity & echo $! >child; exit 0");
    assert_int_equal(fixture->result.outcome, INSTALL_DONE);
    pid_t child = pid_in(fixture, "child");
    assert_int_equal(kill(child, 0), 0);
    run_script(fixture, "exit 0"); /* nor does it hold the lock */
    assert_int_equal(fixture->result.outcome, INSTALL_DONE);
    assert_int_equal(kill(child, SIGKILL), 0);
}

static void *run_in_thread(void *context)
{
    struct fixture *fixture = context;
    install_run(&fixture->request, &fixture->result);
    return NULL;
}

static void a_stop_ends_it(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    fixture->request.stop_grace_ms = 100;
    write_script(fixture, "trap '' TERM; touch begun; while :; do sleep 0.05; done");
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, fixture), 0);
    wait_for_file(fixture, "begun");
    atomic_store(&fixture->stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(fixture->result.code, "agent_stopped");
}

static void one_that_prints_outlives_an_agent_that_is_killed(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    write_script(fixture, "set -e; echo begun; touch begun; while [ ! -e go ]; do echo working; sleep 0.01; done; "
                          "i=0; while [ $i -lt 2000 ]; do echo a line that nobody reads any more, of some length; "
                          "i=$((i+1)); done; touch done");
    pid_t agent = fork();
    if (agent == 0) {
        install_run(&fixture->request, &fixture->result);
        _exit(0);
    }
    wait_for_file(fixture, "begun");
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, NULL, 0), agent);

    struct install_result result;
    install_run(&fixture->request, &result);
    assert_string_equal(result.code, "installer_busy");
    assert_int_equal(file_replace(temporary_path(&fixture->folder, "go", path), "", 0, 0600, NULL), TC_OK);
    wait_for_file(fixture, "done");
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    do {
        install_run(&fixture->request, &result);
        assert_true(clock_monotonic_ms() < deadline_ms);
    } while (strcmp(result.code, "installer_busy") == 0);
    assert_int_equal(result.outcome, INSTALL_DONE);
}

static void while_one_runs_no_other_is_started(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    struct install_request second = fixture->request;
    struct install_result result;
    write_script(fixture, "touch begun; while [ ! -e go ]; do sleep 0.02; done");
    assert_int_equal(pthread_create(&thread, NULL, run_in_thread, fixture), 0);
    wait_for_file(fixture, "begun");
    install_run(&second, &result);
    char path[PATH_MAX];
    assert_int_equal(file_replace(temporary_path(&fixture->folder, "go", path), "", 0, 0600, NULL), TC_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(result.code, "installer_busy");
    assert_int_equal(result.outcome, INSTALL_DEFERRED);
    assert_int_equal(fixture->result.outcome, INSTALL_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exit_codes_say_done_later_or_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_exit_codes_have_a_code_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_installer_can_say_a_code_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_installer_that_crashes_is_reported_by_its_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_installer_that_is_not_there_is_a_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_sees_its_action_its_environment_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(progress_and_versions_are_reported_while_it_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_line_of_a_collected_file_is_a_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_looks_like_progress_and_is_not_is_only_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_amount_of_garbage_is_bounded_and_becomes_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_its_time_it_is_asked_to_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_does_not_end_is_killed_with_all_it_started, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_leaves_running_does_not_keep_the_agent_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_prints_outlives_an_agent_that_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_one_runs_no_other_is_started, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
