#include "base/file.h"
#include "clients/agent/outbox.h"
#include "tests/unit/temporary_folder.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIRST_MS = 1000, LONGEST_MS = 3000 };

struct fixture {
    struct temporary_folder folder;
    char path[PATH_MAX];
    struct outbox *outbox;
};

static void open_outbox(struct fixture *fixture)
{
    struct tc_fault fault;
    const struct outbox_config config = {fixture->path, FIRST_MS, LONGEST_MS};
    assert_int_equal(outbox_open(&config, &fixture->outbox, &fault), TC_OK);
}

static void open_again(struct fixture *fixture)
{
    outbox_close(fixture->outbox);
    open_outbox(fixture);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    temporary_folder_make(&fixture->folder);
    (void)temporary_path(&fixture->folder, "outbox", fixture->path);
    open_outbox(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    outbox_close(fixture->outbox);
    temporary_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, int64_t instruction, int32_t sequence, enum report_state state)
{
    struct tc_fault fault;
    struct report report = {
        .instruction = instruction, .attempt = 1, .sequence = sequence, .state = state, .progress = -1};
    report.versions = json_pack("{s:s}", "atm-app", "4.7.2");
    assert_int_equal(outbox_put(fixture->outbox, &report, &fault), TC_OK);
    report_free(&report);
}

static size_t files_in(const struct fixture *fixture)
{
    size_t count = 0;
    DIR *folder = opendir(fixture->path);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static void a_report_survives_a_restart_with_all_it_says(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 77, 3, REPORT_COMPLETED);
    open_again(fixture);
    const struct report *report = outbox_take_due(fixture->outbox, 0);
    assert_non_null(report);
    assert_int_equal(report->instruction, 77);
    assert_int_equal(report->attempt, 1);
    assert_int_equal(report->sequence, 3);
    assert_int_equal(report->state, REPORT_COMPLETED);
    assert_string_equal(json_string_value(json_object_get(report->versions, "atm-app")), "4.7.2");
}

static void a_report_is_sent_again_with_backoff_and_asks_for_its_confirm(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 77, 1, REPORT_RECEIVED);
    assert_false(outbox_take_due(fixture->outbox, 100)->confirm);
    assert_null(outbox_take_due(fixture->outbox, 100));
    assert_int_equal(outbox_next_ms(fixture->outbox), 100 + FIRST_MS);
    assert_null(outbox_take_due(fixture->outbox, 99 + FIRST_MS));
    assert_true(outbox_take_due(fixture->outbox, 100 + FIRST_MS)->confirm);
    assert_int_equal(outbox_next_ms(fixture->outbox), 100 + FIRST_MS + 2 * FIRST_MS);
    assert_non_null(outbox_take_due(fixture->outbox, 10000));
    assert_int_equal(outbox_next_ms(fixture->outbox), 10000 + LONGEST_MS);
}

static void a_confirmed_report_is_gone_for_good(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 77, 3, REPORT_COMPLETED);
    put(fixture, 78, 3, REPORT_COMPLETED);
    assert_false(outbox_confirm(fixture->outbox, 77, 1, 2));
    assert_false(outbox_confirm(fixture->outbox, 77, 2, 3));
    assert_true(outbox_confirm(fixture->outbox, 77, 1, 3));
    assert_false(outbox_confirm(fixture->outbox, 77, 1, 3));
    assert_int_equal(files_in(fixture), 1);
    open_again(fixture);
    assert_int_equal(outbox_count(fixture->outbox), 1);
    assert_int_equal(outbox_take_due(fixture->outbox, 0)->instruction, 78);
}

static void a_newer_report_of_an_attempt_takes_the_place_of_the_older(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 77, 1, REPORT_RECEIVED);
    (void)outbox_take_due(fixture->outbox, 0);
    put(fixture, 77, 4, REPORT_FAILED);
    assert_int_equal(outbox_count(fixture->outbox), 1);
    assert_int_equal(files_in(fixture), 1);
    assert_int_equal(outbox_take_due(fixture->outbox, 0)->state, REPORT_FAILED);
}

static void put_said_at(struct fixture *fixture, int64_t instruction, int64_t at_ms)
{
    struct tc_fault fault;
    const struct report report = {.instruction = instruction,
                                  .attempt = 1,
                                  .sequence = 3,
                                  .state = REPORT_COMPLETED,
                                  .progress = -1,
                                  .at_ms = at_ms};
    assert_int_equal(outbox_put(fixture->outbox, &report, &fault), TC_OK);
}

static void what_was_said_first_is_sent_first_also_after_a_restart(void **state)
{
    enum { COUNT = 20, REPLACED = 7, CONFIRMED = 3 };
    struct fixture *fixture = *state;
    for (int i = 0; i < COUNT; i++)
        put_said_at(fixture, 1000 - i * 7, (i + 1) * INT64_C(1000));
    open_again(fixture);
    assert_true(outbox_confirm(fixture->outbox, 1000 - CONFIRMED * 7, 1, 3));
    put_said_at(fixture, 1000 - REPLACED * 7, (COUNT + 1) * INT64_C(1000));
    for (int i = 0; i < COUNT; i++) {
        if (i != CONFIRMED && i != REPLACED)
            assert_int_equal(outbox_take_due(fixture->outbox, 0)->instruction, 1000 - i * 7);
    }
    assert_int_equal(outbox_take_due(fixture->outbox, 0)->instruction, 1000 - REPLACED * 7);
    assert_null(outbox_take_due(fixture->outbox, 0));
}

static void a_new_connection_makes_all_due(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 77, 3, REPORT_COMPLETED);
    put(fixture, 78, 3, REPORT_COMPLETED);
    while (outbox_take_due(fixture->outbox, 0) != NULL)
        ;
    outbox_make_all_due(fixture->outbox);
    assert_non_null(outbox_take_due(fixture->outbox, 1));
    assert_non_null(outbox_take_due(fixture->outbox, 1));
    assert_null(outbox_take_due(fixture->outbox, 1));
    assert_true(outbox_make_due(fixture->outbox, 77, 1));
    assert_false(outbox_make_due(fixture->outbox, 79, 1));
    assert_int_equal(outbox_take_due(fixture->outbox, 1)->instruction, 77);
}

static void a_file_that_is_no_report_is_removed(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    put(fixture, 77, 3, REPORT_COMPLETED);
    assert_int_equal(file_replace(temporary_path(&fixture->folder, "outbox/78.1.json", path), "{\"inst", 6, 0600, NULL),
                     TC_OK);
    assert_int_equal(file_replace(temporary_path(&fixture->folder, "outbox/79.1.json.Xy12ab", path), "", 0, 0600, NULL),
                     TC_OK);
    open_again(fixture);
    assert_int_equal(outbox_count(fixture->outbox), 1);
    assert_int_equal(files_in(fixture), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_report_survives_a_restart_with_all_it_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_report_is_sent_again_with_backoff_and_asks_for_its_confirm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_confirmed_report_is_gone_for_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_report_of_an_attempt_takes_the_place_of_the_older, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_said_first_is_sent_first_also_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_connection_makes_all_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_report_is_removed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
