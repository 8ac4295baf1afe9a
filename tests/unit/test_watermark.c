#include "base/file.h"
#include "orchestrator/watermark/watermark_file.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ID "729067fd-9ecf-47a4-a1c1-e36d23ed3f7a"
#define OTHER_ID "fbf4caa0-3828-4c40-a62c-b8f10da509b5"

static struct temporary_folder folder;

static int set_up(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static void write_mark(const char *name, const char *installation, int64_t counter, int64_t epoch, const char *ids)
{
    struct watermark mark = {.counter = counter, .epoch = epoch};
    (void)snprintf(mark.installation, sizeof mark.installation, "%s", installation);
    (void)snprintf(mark.ids, sizeof mark.ids, "%s", ids);
    assert_int_equal(watermark_file_write(folder.path, name, &mark, NULL), TC_OK);
}

static void write_text(const char *name, const char *text)
{
    char path[PATH_MAX];
    assert_int_equal(file_replace(temporary_path(&folder, name, path), text, strlen(text), 0600, NULL), TC_OK);
}

static void a_fresh_folder_has_no_mark(void **state)
{
    (void)state;
    struct watermark mark;
    write_text("signing-key.json", "{}");
    assert_int_equal(watermark_files_read(folder.path, &mark, NULL), TC_OK);
    assert_string_equal(mark.installation, "");
    assert_int_equal(mark.counter, 0);
    assert_string_equal(mark.ids, "{}");
}

static void of_those_who_share_a_folder_the_highest_of_each_number_counts(void **state)
{
    (void)state;
    struct watermark mark;
    write_mark("one", ID, 700, 2, "{\"instruction_id\":5000,\"rollout_id_seq\":9}");
    write_mark("two", ID, 701, 1, "{\"instruction_id\":4000,\"rollout_id_seq\":11,\"claim_id_seq\":3}");
    write_text("watermark-one.json.x7Kq2a", "torn before it was renamed");
    assert_int_equal(watermark_files_read(folder.path, &mark, NULL), TC_OK);
    assert_string_equal(mark.installation, ID);
    assert_int_equal(mark.counter, 701);
    assert_int_equal(mark.epoch, 2);
    assert_string_equal(mark.ids, "{\"claim_id_seq\":3,\"instruction_id\":5000,\"rollout_id_seq\":11}");
}

static void a_name_of_any_characters_makes_one_file_that_is_replaced(void **state)
{
    (void)state;
    struct watermark mark;
    char path[PATH_MAX];
    write_mark("../a b/ü", ID, 1, 1, "{}");
    write_mark("../a b/ü", ID, 2, 1, "{}");
    assert_int_equal(access(temporary_path(&folder, "watermark-___a_b___.json", path), F_OK), 0);
    assert_int_equal(temporary_folder_count_files(&folder), 1);
    assert_int_equal(watermark_files_read(folder.path, &mark, NULL), TC_OK);
    assert_int_equal(mark.counter, 2);
}

static void high_water_marks_of_two_installations_are_told_apart(void **state)
{
    (void)state;
    struct watermark mark;
    struct tc_fault fault;
    write_mark("one", ID, 700, 2, "{}");
    write_mark("two", OTHER_ID, 3, 1, "{}");
    assert_int_equal(watermark_files_read(folder.path, &mark, &fault), TC_CONFLICT);
    assert_non_null(strstr(fault.text, ID));
    assert_non_null(strstr(fault.text, OTHER_ID));
}

static void what_is_no_mark_is_named_and_not_passed_over(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"installation\":\"" ID "\",\"counter\":-1,\"epoch\":1,\"ids\":{}}",
                                        "{\"installation\":\"" ID "\",\"counter\":1,\"epoch\":1}",
                                        "{\"installation\":\"" ID ID "\",\"counter\":1,\"epoch\":1,\"ids\":{}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct watermark mark;
        struct tc_fault fault;
        write_text("watermark-one.json", texts[i]);
        assert_int_equal(watermark_files_read(folder.path, &mark, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, "watermark-one.json"));
    }
}

static void a_number_out_of_range_is_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"installation\":\"" ID "\",\"counter\":4503599627370497,\"epoch\":1,\"ids\":{}}",
         "counter: found 4503599627370497, allowed: an integer, 0 to 4503599627370496"},
        {"{\"installation\":\"" ID "\",\"counter\":1,\"epoch\":9007199254740991,\"ids\":{}}", "epoch: found"},
        {"{\"installation\":\"" ID "\",\"counter\":1,\"epoch\":1,\"ids\":{\"b\":9223372036854775807}}",
         "ids: b: allowed: integers from 0 to 4503599627370496"},
        {"{\"installation\":\"" ID "\",\"counter\":1,\"epoch\":1,\"ids\":{\"b\":-1}}", "ids: b:"},
        {"{\"installation\":\"" ID "\",\"counter\":1,\"epoch\":1,\"ids\":{\"b\":\"7\"}}", "ids: b:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct watermark mark;
        struct tc_fault fault;
        write_text("watermark-one.json", cases[i].text);
        assert_int_equal(watermark_files_read(folder.path, &mark, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, cases[i].says));
    }
    write_mark("one", ID, MARK_NUMBER_MAX, MARK_NUMBER_MAX, "{\"b\":4503599627370496}");
    struct watermark mark;
    assert_int_equal(watermark_files_read(folder.path, &mark, NULL), TC_OK);
    assert_int_equal(mark.counter, MARK_BELIEVED_MAX);
    assert_int_equal(mark.epoch, MARK_BELIEVED_MAX);
    assert_string_equal(mark.ids, "{\"b\":2251799813685248}");
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_fresh_folder_has_no_mark),
        IN_FOLDER(of_those_who_share_a_folder_the_highest_of_each_number_counts),
        IN_FOLDER(a_name_of_any_characters_makes_one_file_that_is_replaced),
        IN_FOLDER(high_water_marks_of_two_installations_are_told_apart),
        IN_FOLDER(what_is_no_mark_is_named_and_not_passed_over),
        IN_FOLDER(a_number_out_of_range_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
