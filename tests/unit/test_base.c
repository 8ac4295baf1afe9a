#include "base/buffer.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- clock ---------------------------------------------------------------------------------- */

static void times_of_rfc_3339_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-12-01T00:00:00Z", INT64_C(1796083200000)},
        {"2026-12-01T00:00:00.1Z", INT64_C(1796083200100)},
        {"2026-12-01T00:00:00.123999999Z", INT64_C(1796083200123)},
        {"2026-12-01t08:00:00+08:00", INT64_C(1796083200000)},
        {"2026-11-30 18:30:00-05:30", INT64_C(1796083200000)},
        {"2000-02-29T23:59:59Z", INT64_C(951868799000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms = -1;
        assert_true(clock_parse(cases[i].text, strlen(cases[i].text), &time_ms));
        assert_int_equal(time_ms, cases[i].time_ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026-12-01",
        "2026-12-01T00:00:00",
        "2026-12-01T00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T00:60:00Z",
        "2026-12-01T00:00:61Z",
        "2026-12-01T00:00:00.Z",
        "2026-12-01T00:00:00.1234567890Z",
        "2026-12-01T00:00:00+8:00",
        "2026-12-01T00:00:00+0800",
        "2026-12-01T00:00:00+24:00",
        "2026-12-01T00:00:00ZZ",
        "+026-12-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms;
        if (clock_parse(cases[i], strlen(cases[i]), &time_ms))
            fail_msg("read as a time: %s", cases[i]);
    }
}

static void a_written_time_is_read_back_as_the_same(void **state)
{
    (void)state;
    static const int64_t last_ms = INT64_C(253402300799999);
    for (int64_t time_ms = 0; time_ms <= last_ms; time_ms += 37 * INT64_C(86399999) + time_ms % 1000) {
        char text[TC_TIME_TEXT_SIZE];
        int64_t back_ms;
        clock_format(time_ms, text);
        assert_true(clock_parse(text, strlen(text), &back_ms));
        assert_int_equal(back_ms, time_ms);
    }
    char text[TC_TIME_TEXT_SIZE];
    clock_format(INT64_C(1796083200000), text);
    assert_string_equal(text, "2026-12-01T00:00:00Z");
    clock_format(INT64_C(1796083200007), text);
    assert_string_equal(text, "2026-12-01T00:00:00.007Z");
}

/* ---- fault ---------------------------------------------------------------------------------- */

static void a_fault_reads_from_the_outside_in(void **state)
{
    (void)state;
    struct tc_fault fault;
    assert_int_equal(tc_fault_set(&fault, TC_UNAVAILABLE, "connection %s", "refused"), TC_UNAVAILABLE);
    assert_int_equal(tc_fault_context(&fault, "claim"), TC_UNAVAILABLE);
    assert_int_equal(tc_fault_context(&fault, "rollout %d", 42), TC_UNAVAILABLE);
    assert_string_equal(fault.text, "rollout 42: claim: connection refused");
    assert_int_equal(fault.code, TC_UNAVAILABLE);
    assert_int_equal(tc_fault_set(NULL, TC_BUSY, "nobody listens"), TC_BUSY);
}

static void a_fault_that_is_too_long_is_cut_and_still_ends(void **state)
{
    (void)state;
    struct tc_fault fault;
    memset(&fault, 'x', sizeof fault);
    char context[400];
    memset(context, 'c', sizeof context - 1);
    context[sizeof context - 1] = '\0';
    (void)tc_fault_set(&fault, TC_INVALID, "the end");
    (void)tc_fault_context(&fault, "%s", context);
    (void)tc_fault_context(&fault, "%s", context);
    assert_int_equal(strnlen(fault.text, sizeof fault.text), sizeof fault.text - 1);
}

static void every_error_has_its_own_name(void **state)
{
    (void)state;
    for (int i = TC_OK; i <= TC_INTERNAL; i++) {
        assert_string_not_equal(tc_error_name((enum tc_error)i), "unknown");
        for (int j = TC_OK; j < i; j++)
            assert_string_not_equal(tc_error_name((enum tc_error)i), tc_error_name((enum tc_error)j));
    }
}

/* ---- buffer --------------------------------------------------------------------------------- */

static void a_buffer_grows_and_always_ends_in_a_nul(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    assert_string_equal(buffer_text(&buffer), "");
    for (int i = 0; i < 5000; i++) {
        buffer_format(&buffer, "%04d", i);
        assert_int_equal(buffer.bytes[buffer.length], '\0');
    }
    assert_int_equal(buffer.length, 20000);
    assert_memory_equal(buffer.bytes + (size_t)4 * 4321, "4321", 4);
    size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer.capacity, capacity);
    buffer_put(&buffer, "a\0b", 3);
    assert_int_equal(buffer.length, 3);
    buffer_free(&buffer);
    assert_null(buffer.bytes);
}

/* ---- id -------------------------------------------------------------------------------------- */

static void an_id_is_what_may_be_in_a_topic(void **state)
{
    (void)state;
    char longest[TC_ID_MAX + 2];
    memset(longest, 'x', sizeof longest);
    assert_true(id_is_valid("ATM-0007_b", 10));
    assert_true(id_is_valid(longest, TC_ID_MAX));
    assert_false(id_is_valid(longest, TC_ID_MAX + 1));
    assert_false(id_is_valid("", 0));
    static const char *const wrong[] = {"a/b", "+", "#", "a b", "a.b", "\xc3\xa9", "a\n", "$SYS"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(id_is_valid(wrong[i], strlen(wrong[i])));
    assert_false(id_is_valid("a\0b", 3));
}

static void a_name_may_have_points_but_not_begin_with_one(void **state)
{
    (void)state;
    assert_true(name_is_valid("4.7.2+b1", 8));
    assert_true(name_is_valid("a:b", 3));
    assert_false(name_is_valid(".hidden", 7));
    assert_false(name_is_valid("..", 2));
    assert_false(name_is_valid("", 0));
    assert_false(name_is_valid("a/b", 3));
    assert_false(name_is_valid("a\0b", 3));
}

/* ---- file ----------------------------------------------------------------------------------- */

struct folder {
    char path[TEMPORARY_NAME_SIZE];
    char file[128];
};

static int make_folder(void **state)
{
    static struct folder folder;
    temporary_name("tellercast-base", folder.path);
    if (mkdtemp(folder.path) == NULL)
        return -1;
    (void)snprintf(folder.file, sizeof folder.file, "%s/file", folder.path);
    *state = &folder;
    return 0;
}

static int count_files(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    int count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    (void)unlink(folder->file);
    return rmdir(folder->path);
}

static void assert_file_holds(const char *path, const char *text)
{
    struct buffer content = {0};
    assert_int_equal(file_read(path, 1000, &content, NULL), TC_OK);
    assert_string_equal(buffer_text(&content), text);
    buffer_free(&content);
}

static void a_replaced_file_has_the_new_bytes_and_mode_and_nothing_is_left_over(void **state)
{
    struct folder *folder = *state;
    struct tc_fault fault;
    assert_int_equal(file_replace(folder->file, "old", 3, 0644, &fault), TC_OK);
    assert_int_equal(file_replace(folder->file, "newer", 5, 0600, &fault), TC_OK);
    assert_file_holds(folder->file, "newer");
    struct stat about;
    assert_int_equal(stat(folder->file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(count_files(folder->path), 1);
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
    struct folder *folder = *state;
    struct tc_fault fault;
    assert_int_equal(file_replace(folder->file, "old", 3, 0644, &fault), TC_OK);

    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 16, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char bytes[64] = {0};
    enum tc_error error = file_replace(folder->file, bytes, sizeof bytes, 0644, &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_int_equal(error, TC_UNAVAILABLE);
    assert_non_null(strstr(fault.text, folder->file));
    assert_file_holds(folder->file, "old");
    assert_int_equal(count_files(folder->path), 1);
}

/* As /dev/stdout is, or a folder: a rename over it would take it from everybody. */
static void what_is_no_file_is_not_replaced(void **state)
{
    struct folder *folder = *state;
    struct tc_fault fault;
    struct stat about;
    assert_int_equal(file_replace("/dev/null", "x", 1, 0644, &fault), TC_CONFLICT);
    assert_string_equal(fault.text, "/dev/null: is not a file, and is not replaced");
    assert_int_equal(symlink("/dev/null", folder->file), 0);
    assert_int_equal(file_replace(folder->file, "x", 1, 0644, &fault), TC_CONFLICT);
    assert_true(lstat(folder->file, &about) == 0 && S_ISLNK(about.st_mode));
    assert_int_equal(file_replace(folder->path, "x", 1, 0644, &fault), TC_CONFLICT);
    assert_int_equal(count_files(folder->path), 1);
}

static void a_file_that_is_missing_or_too_large_is_told_apart(void **state)
{
    struct folder *folder = *state;
    struct tc_fault fault;
    struct buffer content = {0};
    assert_int_equal(file_read(folder->file, 10, &content, &fault), TC_NOT_FOUND);
    assert_int_equal(file_replace("/tmp/no-such-folder-of-tellercast/file", "x", 1, 0600, &fault), TC_NOT_FOUND);
    assert_int_equal(file_replace(folder->file, "0123456789", 10, 0600, &fault), TC_OK);
    assert_int_equal(file_read(folder->file, 10, &content, &fault), TC_OK);
    buffer_clear(&content);
    assert_int_equal(file_read(folder->file, 9, &content, &fault), TC_TOO_LARGE);
    buffer_free(&content);
}

static void folders_are_made_with_those_above_them(void **state)
{
    struct folder *folder = *state;
    char path[256];
    struct tc_fault fault;
    (void)snprintf(path, sizeof path, "%s/a/b/c", folder->path);
    assert_int_equal(file_make_folders(path, 0700, &fault), TC_OK);
    assert_int_equal(file_make_folders(path, 0700, &fault), TC_OK);
    while (strlen(path) > strlen(folder->path)) {
        assert_int_equal(rmdir(path), 0);
        *strrchr(path, '/') = '\0';
    }
}

/* ---- log ------------------------------------------------------------------------------------ */

static FILE *log_file;
static int stderr_before;

static int catch_log(void **state)
{
    (void)state;
    log_file = tmpfile();
    stderr_before = dup(STDERR_FILENO);
    return log_file == NULL || dup2(fileno(log_file), STDERR_FILENO) < 0 ? -1 : 0;
}

static int release_log(void **state)
{
    (void)state;
    (void)dup2(stderr_before, STDERR_FILENO);
    (void)close(stderr_before);
    log_set_format(LOG_FORMAT_TEXT);
    log_set_level(LOG_LEVEL_INFO);
    return fclose(log_file);
}

static char *logged(char text[static 8192])
{
    ssize_t length = pread(fileno(log_file), text, 8191, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    return text;
}

static void an_event_is_a_name_and_its_fields(void **state)
{
    (void)state;
    char text[8192];
    LOG_DEBUG("not.wanted");
    LOG_INFO("instruction.sent", F_INT("rollout", 42), F_STR("device", "ATM-0007"), F_STR("why", "a \"b\"\n"),
             F_STR("none", NULL));
    const char *after_time = strchr(logged(text), ' ');
    assert_non_null(after_time);
    assert_string_equal(after_time, " info instruction.sent rollout=42 device=ATM-0007 why=\"a \\\"b\\\"\\u000a\" "
                                    "none=\"\"\n");
}

static void no_control_of_a_terminal_reaches_the_log(void **state)
{
    (void)state;
    static const enum log_format formats[] = {LOG_FORMAT_TEXT, LOG_FORMAT_JSON};
    char text[8192];
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        log_set_format(formats[i]);
        LOG_INFO("odd", F_STR("name", "a\x1b[2Jb\x7f"
                                      "c\xc2\x9b"
                                      "2Jd\x9b\xc2\xa0"));
        assert_non_null(strstr(logged(text), "\"a\\u001b[2Jb\\u007fc\\u009b2Jd?\xc2\xa0\""));
        assert_int_equal(ftruncate(fileno(log_file), 0), 0);
        assert_int_equal(lseek(fileno(log_file), 0, SEEK_SET), 0);
    }
}

static void every_json_line_is_json_whatever_is_in_it(void **state)
{
    (void)state;
    char text[8192];
    char endless[4000];
    memset(endless, '"', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    log_set_format(LOG_FORMAT_JSON);
    LOG_INFO("plain");
    LOG_INFO("odd", F_STR("bytes", "\xff\xc3(\x01\"\\"), F_STR("text", "\xc3\xa9"));
    LOG_INFO("endless", F_INT("number", 1), F_STR("text", endless));
    int lines = 0;
    char *end;
    for (char *line = logged(text); (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        json_t *event = json_loadb(line, (size_t)(end - line), 0, NULL);
        if (event == NULL)
            fail_msg("not JSON: %s", line);
        json_decref(event);
    }
    assert_int_equal(lines, 3);
}

static int admitted(struct log_limit *limit, const char *event, const char *subject, int times, int64_t now_ms)
{
    int count = 0;
    for (int i = 0; i < times; i++)
        count += log_limit_admits(limit, event, subject, now_ms);
    return count;
}

static void a_flood_about_one_device_leaves_lines_for_the_others_and_is_counted(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    struct log_limit_count left;
    assert_int_equal(admitted(&limit, "ask.refused", "A1", 1000, 0), LOG_LIMIT_LINES);
    assert_int_equal(admitted(&limit, "ask.refused", "A2", 3, 10), 3);
    assert_int_equal(admitted(&limit, "status.refused", "A1", 4, 20), 4);
    assert_false(log_limit_take(&limit, LOG_LIMIT_PERIOD_MS - 1, false, &left));
    assert_true(log_limit_take(&limit, LOG_LIMIT_PERIOD_MS, false, &left));
    assert_string_equal(left.event, "ask.refused");
    assert_string_equal(left.subject, "A1");
    assert_int_equal(left.left_out, 1000 - LOG_LIMIT_LINES);
    assert_false(log_limit_take(&limit, LOG_LIMIT_PERIOD_MS, false, &left));
    assert_int_equal(admitted(&limit, "ask.refused", "A1", 1000, LOG_LIMIT_PERIOD_MS), LOG_LIMIT_LINES);
}

static void a_flood_under_many_names_is_limited_by_event_and_every_line_is_counted(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    struct log_limit_count left;
    int written = 0, left_out = 0, lines = 5 * LOG_LIMIT_SUBJECTS;
    for (int i = 0; i < lines; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "X%d", i);
        written += log_limit_admits(&limit, "ask.refused", name, 0);
    }
    assert_int_equal(written, LOG_LIMIT_EVENT_LINES);
    assert_int_equal(admitted(&limit, "status.refused", "A1", 1, 0), 1);
    while (log_limit_take(&limit, 0, true, &left))
        left_out += (int)left.left_out;
    assert_int_equal(written + left_out, lines);
}

static void lines_left_out_are_counted_in_a_line(void **state)
{
    (void)state;
    char text[8192];
    for (int i = 0; i < LOG_LIMIT_LINES + 5; i++)
        LOG_LIMITED(LOG_LEVEL_WARNING, "A1", "ask.refused", F_INT("number", i));
    LOG_LIMITED(LOG_LEVEL_DEBUG, "A1", "not.wanted");
    log_left_out(true);
    const char *last = strstr(logged(text), "log.left_out");
    assert_non_null(last);
    assert_non_null(strstr(last, "of=ask.refused subject=A1 lines=5 "));
    assert_null(strstr(text, "number=10"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, catch_log, release_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_rfc_3339_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_written_time_is_read_back_as_the_same),
        cmocka_unit_test(a_fault_reads_from_the_outside_in),
        cmocka_unit_test(a_fault_that_is_too_long_is_cut_and_still_ends),
        cmocka_unit_test(every_error_has_its_own_name),
        cmocka_unit_test(a_buffer_grows_and_always_ends_in_a_nul),
        cmocka_unit_test(an_id_is_what_may_be_in_a_topic),
        cmocka_unit_test(a_name_may_have_points_but_not_begin_with_one),
        WITH_FOLDER(a_replaced_file_has_the_new_bytes_and_mode_and_nothing_is_left_over),
        WITH_FOLDER(a_write_that_fails_leaves_the_old_file_and_nothing_else),
        WITH_FOLDER(what_is_no_file_is_not_replaced),
        WITH_FOLDER(a_file_that_is_missing_or_too_large_is_told_apart),
        WITH_FOLDER(folders_are_made_with_those_above_them),
        WITH_LOG(an_event_is_a_name_and_its_fields),
        WITH_LOG(no_control_of_a_terminal_reaches_the_log),
        WITH_LOG(every_json_line_is_json_whatever_is_in_it),
        cmocka_unit_test(a_flood_about_one_device_leaves_lines_for_the_others_and_is_counted),
        cmocka_unit_test(a_flood_under_many_names_is_limited_by_event_and_every_line_is_counted),
        WITH_LOG(lines_left_out_are_counted_in_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
