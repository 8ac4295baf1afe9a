#include "config/scalar.h"
#include "config/suggestion.h"
#include "config/text_set.h"
#include "config/tree.h"
#include "document_check.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- the tree ------------------------------------------------------------------------------- */

static void a_tree_knows_where_everything_stood(void **state)
{
    (void)state;
    static const char text[] = "first: 1\nsecond:\n  - plain text\n  - {a: \"quoted\", b: []}\n";
    struct document_faults faults = {0};
    struct tree *tree = tree_parse(text, strlen(text), &faults);
    assert_non_null(tree);
    assert_int_equal(faults.total, 0);
    assert_int_equal(tree->root->kind, TREE_MAP);
    assert_int_equal(tree->root->count, 2);

    const struct tree_node *plain = tree_nearest(tree->root, "second[0]");
    assert_string_equal(plain->text, "plain text");
    assert_true(plain->plain);
    assert_int_equal(plain->line, 3);
    assert_int_equal(plain->column, 5);

    const struct tree_node *quoted = tree_nearest(tree->root, "second[1].a");
    assert_string_equal(quoted->text, "quoted");
    assert_false(quoted->plain);
    assert_int_equal(quoted->key_line, 4);
    assert_int_equal(quoted->key_column, 6);
    assert_int_equal(quoted->column, 9);
    tree_free(tree);
}

static void a_path_that_is_not_there_leads_to_the_nearest_above(void **state)
{
    (void)state;
    static const char text[] = "a:\n  b: [x, {c: y}]\n";
    struct document_faults faults = {0};
    struct tree *tree = tree_parse(text, strlen(text), &faults);
    assert_non_null(tree);
    static const struct {
        const char *path, *nearest;
    } rows[] = {
        {"a.b[1].c", "a.b[1].c"},
        {"a.b[1].d", "a.b[1]"},
        {"a.b[7].c", "a.b"},
        {"a.z", "a"},
        {"a.b[0].c", "a.b[0]"},
        {"z", ""},
        {"a.b.c", "a.b"},
        {"a[0]", "a"},
        {"", ""},
        {"a.b[", "a.b[0]"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_ptr_equal(tree_nearest(tree->root, rows[i].path), tree_nearest(tree->root, rows[i].nearest));
    tree_free(tree);
}

struct bad_document {
    const char *text, *path, *detail;
};

static void what_a_document_may_not_hold_is_a_fault_at_its_place(void **state)
{
    (void)state;
    static const struct bad_document rows[] = {
        {"a: 1\nb: ^&x 1\n", "", "anchors"},
        {"a: ^*x\n", "", "aliases"},
        {"a: ^!!str 1\n", "", "tags"},
        {"a: ^!thing {b: c}\n", "", "tags"},
        {"a: 1\n^--- \nb: 2\n", "", "second document"},
        {"a: 1\nb: 2\n^a: 3\n", "a", "duplicate key"},
        {"x: {a: 1, ^a: 2}\n", "x.a", "duplicate key"},
        {"x:\n  - {a: 1, ^a: 2}\n", "x[0].a", "duplicate key"},
        {"? ^[a]\n: b\n", "", "key must be a text"},
        {"a: ^\"x\\0y\"\n", "", "NUL"},
        {"a: [1, 2\n^", "", "not YAML"},
        {"^", "", "empty"},
        {"^# nothing but a comment\n", "", "empty"},
        {"a: 1\nb: \xC3\xA9^\xFF\n", "", "not UTF-8"},
        {"a: ^\x01\n", "", "control characters"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct marked_text marked = marked_text(rows[i].text);
        if (strstr(rows[i].text, "\xFF") != NULL)
            marked.column--; /* an accented letter is one column of two bytes */
        struct document_faults faults = {0};
        tree_free(tree_parse(buffer_text(&marked.text), marked.text.length, &faults));
        assert_one_fault(&faults, &marked, rows[i].path, rows[i].detail);
        document_faults_free(&faults);
        buffer_free(&marked.text);
    }
}

static void the_first_of_two_equal_keys_stays(void **state)
{
    (void)state;
    struct document_faults faults = {0};
    struct tree *tree = tree_parse("{a: 1, a: 2}", 12, &faults);
    assert_non_null(tree);
    assert_string_equal(tree_member(tree->root, "a")->text, "1");
    assert_int_equal(tree->root->count, 1);
    tree_free(tree);
    document_faults_free(&faults);
}

static void a_duplicate_among_many_keys_is_found(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 5000; i++)
        buffer_format(&text, "k%d: x\n", i);
    buffer_put_text(&text, "k17: y\n");
    struct document_faults faults = {0};
    struct tree *tree = tree_parse(buffer_text(&text), text.length, &faults);
    assert_int_equal(tree->root->count, 5000);
    assert_int_equal(faults.total, 1);
    assert_int_equal(faults.items[0].line, 5001);
    assert_string_equal(faults.items[0].path, "k17");
    tree_free(tree);
    document_faults_free(&faults);
    buffer_free(&text);
}

static void nesting_is_allowed_to_32_and_no_deeper(void **state)
{
    (void)state;
    for (int depth = YAML_DEPTH_MAX - 1; depth <= YAML_DEPTH_MAX + 1; depth++) {
        struct buffer text = {0};
        for (int i = 0; i < depth; i++)
            buffer_put_text(&text, "[");
        for (int i = 0; i < depth; i++)
            buffer_put_text(&text, "]");
        struct document_faults faults = {0};
        tree_free(tree_parse(buffer_text(&text), text.length, &faults));
        assert_int_equal(faults.total, depth > YAML_DEPTH_MAX ? 1 : 0);
        document_faults_free(&faults);
        buffer_free(&text);
    }
}

static void json_is_read_with_its_escapes(void **state)
{
    (void)state;
    static const char text[] = "{\n\t\"a\":\"\\u00e9\\/\\n\",\"b\":\"\\ud83d\\ude00 \\\\ud83d\",\"c\":[1,-2.5e3,null]}";
    struct document_faults faults = {0};
    struct tree *tree = tree_parse(text, strlen(text), &faults);
    assert_int_equal(faults.total, 0);
    assert_string_equal(tree_member(tree->root, "a")->text, "\xC3\xA9/\n");
    assert_string_equal(tree_member(tree->root, "b")->text, "\xF0\x9F\x98\x80 \\ud83d");
    assert_true(tree_is_null(tree_nearest(tree->root, "c[2]")));
    tree_free(tree);
}

/* ---- faults --------------------------------------------------------------------------------- */

static void faults_are_printed_one_a_line_in_the_order_of_the_source(void **state)
{
    (void)state;
    struct document_faults faults = {0};
    document_fault_add(&faults, 12, 7, "spec.rate", "found %d", 1);
    document_fault_add(&faults, 3, 9, "", "not YAML");
    document_fault_add(&faults, 12, 2, "spec", "b");
    document_faults_sort(&faults);
    struct buffer out = {0};
    document_faults_print(&faults, "plan.yaml", &out);
    assert_string_equal(buffer_text(&out), "plan.yaml:3:9: not YAML\n"
                                           "plan.yaml:12:2: spec: b\n"
                                           "plan.yaml:12:7: spec.rate: found 1\n");
    json_t *json = document_faults_json(&faults);
    assert_int_equal(json_array_size(json), 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 2), "line")), 12);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 2), "detail")), "found 1");
    json_decref(json);
    buffer_free(&out);
    document_faults_free(&faults);
}

static void faults_over_the_limit_are_counted(void **state)
{
    (void)state;
    struct document_faults faults = {0};
    for (unsigned i = 1; i <= DOCUMENT_FAULTS_MAX + 5; i++)
        document_fault_add(&faults, i, 1, "x", "y");
    assert_int_equal(faults.count, DOCUMENT_FAULTS_MAX);
    assert_int_equal(faults.total, DOCUMENT_FAULTS_MAX + 5);
    struct buffer out = {0};
    document_faults_print(&faults, "f", &out);
    assert_non_null(strstr(buffer_text(&out), "f: and 5 more\n"));
    buffer_free(&out);
    document_faults_free(&faults);
}

static void a_long_detail_is_cut_between_characters(void **state)
{
    (void)state;
    struct document_faults faults = {0};
    struct buffer text = {0};
    for (int i = 0; i < 100; i++)
        buffer_put_text(&text, "\xE6\xB1\x89");
    for (size_t shift = 0; shift < 3; shift++)
        document_fault_add(&faults, 1, 1, buffer_text(&text), "%.*s%s", (int)shift, "ab", buffer_text(&text));
    json_t *json = document_faults_json(&faults); /* would fail on a half character */
    assert_int_equal(json_array_size(json), 3);
    json_decref(json);
    buffer_free(&text);
    document_faults_free(&faults);
}

/* ---- scalars -------------------------------------------------------------------------------- */

static void integers_are_read_strictly(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_true(scalar_read_integer("0", &value) && value == 0);
    assert_true(scalar_read_integer("-12", &value) && value == -12);
    assert_true(scalar_read_integer("9223372036854775807", &value) && value == INT64_MAX);
    static const char *const wrong[] = {"",   "-",   "010", "1_000", "0x10", "1e3", "1.0", "+1",
                                        " 1", "1 ",  "-0",  "--1",   "٣",    "1,0", "0b1", "9223372036854775808",
                                        "00", "-01", "1\n"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(scalar_read_integer(wrong[i], &value));
    assert_true(value == INT64_MAX);
}

static void durations_and_sizes_need_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } durations[] = {{"500ms", 500}, {"0s", 0}, {"15s", 15000}, {"10m", 600000}, {"3h", 10800000}, {"2d", 172800000}},
      sizes[] = {{"0", 0},
                 {"512", 512},
                 {"64KiB", 65536},
                 {"412MiB", INT64_C(412) << 20},
                 {"4GiB", INT64_C(4) << 30},
                 {"1TiB", INT64_C(1) << 40}};
    int64_t value;
    for (size_t i = 0; i < COUNT_OF(durations); i++)
        assert_true(scalar_read_duration(durations[i].text, &value) && value == durations[i].value);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        assert_true(scalar_read_size(sizes[i].text, &value) && value == sizes[i].value);

    static const char *const no_durations[] = {"",    "15", "s",    "15 s",  "1.5h",  "-1s",          "010s",
                                               "15S", "1w", "1_0s", "1h30m", "15sec", "106751991168d"};
    for (size_t i = 0; i < COUNT_OF(no_durations); i++)
        assert_false(scalar_read_duration(no_durations[i], &value));
    static const char *const no_sizes[] = {"", "412MB", "412M", "4 GiB", "1.5GiB", "-1", "01", "KiB", "9999999999GiB"};
    for (size_t i = 0; i < COUNT_OF(no_sizes); i++)
        assert_false(scalar_read_size(no_sizes[i], &value));
}

static void what_is_written_is_read_as_the_same(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 1, 999, 1000, 1500, 60000, 3600000, 86400000, 90000000, 1 << 20, 65537};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char text[SCALAR_TEXT_SIZE];
        int64_t value;
        scalar_write_duration(values[i], text);
        assert_true(scalar_read_duration(text, &value) && value == values[i]);
        scalar_write_size(values[i], text);
        assert_true(scalar_read_size(text, &value) && value == values[i]);
    }
}

static void percentages_have_at_most_four_decimals(void **state)
{
    (void)state;
    int64_t parts;
    assert_true(scalar_read_percentage("5%", &parts) && parts == 50000);
    assert_true(scalar_read_percentage("2.5", &parts) && parts == 25000);
    assert_true(scalar_read_percentage("0.0001%", &parts) && parts == 1);
    assert_true(scalar_read_percentage("100.0%", &parts) && parts == 1000000);
    static const char *const wrong[] = {"",   "%",  "101",     "100.0001", "5 %", "05",
                                        "2.", ".5", "1.00001", "-1",       "5%%", "1e1"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(scalar_read_percentage(wrong[i], &parts));
}

static void times_days_and_truths_are_read_strictly(void **state)
{
    (void)state;
    int number;
    int64_t time_ms;
    bool truth;
    assert_true(scalar_read_time_of_day("00:00", &number) && number == 0);
    assert_true(scalar_read_time_of_day("23:59", &number) && number == 1439);
    static const char *const no_times[] = {"", "1:00", "24:00", "12:60", "12:5", "12-05", "12:05:00", "1200", "ab:cd"};
    for (size_t i = 0; i < COUNT_OF(no_times); i++)
        assert_false(scalar_read_time_of_day(no_times[i], &number));
    assert_true(scalar_read_weekday("mon", &number) && number == 1);
    assert_true(scalar_read_weekday("sun", &number) && number == 7);
    assert_false(scalar_read_weekday("Mon", &number));
    assert_false(scalar_read_weekday("monday", &number));
    assert_true(scalar_read_date("2024-02-29", &time_ms) && time_ms == INT64_C(1709164800000));
    assert_false(scalar_read_date("2026-02-29", &time_ms));
    assert_false(scalar_read_date("2026-2-01", &time_ms));
    assert_true(scalar_read_boolean("true", &truth) && truth);
    assert_true(scalar_read_boolean("false", &truth) && !truth);
    assert_false(scalar_read_boolean("yes", &truth));
    assert_false(scalar_read_boolean("True", &truth));
}

static void zones_urls_and_digests_have_their_forms(void **state)
{
    (void)state;
    char digest[65];
    assert_true(scalar_is_zone("Europe/Berlin"));
    assert_true(scalar_is_zone("America/Argentina/Buenos_Aires"));
    assert_true(scalar_is_zone("Etc/GMT+5"));
    static const char *const no_zones[] = {"", "/Europe", "Europe/", "Europe//Berlin", "+02:00", "Europe Berlin", "é"};
    for (size_t i = 0; i < COUNT_OF(no_zones); i++)
        assert_false(scalar_is_zone(no_zones[i]));
    assert_true(scalar_is_url("https://a.example:8443/x?y=1"));
    assert_true(scalar_is_url("http://[::1]/x"));
    static const char *const no_urls[] = {"",           "http://",  "https:///x", "ftp://a/x",   "file:///etc/passwd",
                                          "http://a b", "HTTP://a", "http://a\n", "http://:80/", "http://é"};
    for (size_t i = 0; i < COUNT_OF(no_urls); i++)
        assert_false(scalar_is_url(no_urls[i]));
    static const char mixed[] = "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    assert_true(scalar_read_sha256(mixed, digest));
    assert_string_equal(digest, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    assert_false(scalar_read_sha256(mixed + 1, digest));
}

/* ---- words ---------------------------------------------------------------------------------- */

static const char *nearest(const char *found)
{
    static const char *const words[] = {"broker.port", "broker.host", "to", "on", "windows", "percentage"};
    struct suggestion suggestion = {.found = found};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        suggestion_offer(&suggestion, words[i]);
    return suggestion.nearest == NULL ? "" : suggestion.nearest;
}

static void a_near_word_is_suggested_and_a_far_one_not(void **state)
{
    (void)state;
    assert_string_equal(nearest("broker.prot"), "broker.port");
    assert_string_equal(nearest("window"), "windows");
    assert_string_equal(nearest("precentage"), "percentage");
    assert_string_equal(nearest("of"), "on");
    assert_string_equal(nearest("colour"), "");
    assert_string_equal(nearest(""), "");
}

static void a_set_finds_each_of_many_texts(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    static char texts[MANY][8];
    struct text_set set = {0};
    assert_null(text_set_find(&set, "0"));
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%u", (unsigned)i);
        assert_null(text_set_find(&set, texts[i]));
        text_set_add(&set, texts[i], i);
    }
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(text_set_find(&set, texts[i])->number, i);
    text_set_clear(&set);
    assert_null(text_set_find(&set, "17"));
    text_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_knows_where_everything_stood),
        cmocka_unit_test(a_path_that_is_not_there_leads_to_the_nearest_above),
        cmocka_unit_test(what_a_document_may_not_hold_is_a_fault_at_its_place),
        cmocka_unit_test(the_first_of_two_equal_keys_stays),
        cmocka_unit_test(a_duplicate_among_many_keys_is_found),
        cmocka_unit_test(nesting_is_allowed_to_32_and_no_deeper),
        cmocka_unit_test(json_is_read_with_its_escapes),
        cmocka_unit_test(faults_are_printed_one_a_line_in_the_order_of_the_source),
        cmocka_unit_test(faults_over_the_limit_are_counted),
        cmocka_unit_test(a_long_detail_is_cut_between_characters),
        cmocka_unit_test(integers_are_read_strictly),
        cmocka_unit_test(durations_and_sizes_need_their_units),
        cmocka_unit_test(what_is_written_is_read_as_the_same),
        cmocka_unit_test(percentages_have_at_most_four_decimals),
        cmocka_unit_test(times_days_and_truths_are_read_strictly),
        cmocka_unit_test(zones_urls_and_digests_have_their_forms),
        cmocka_unit_test(a_near_word_is_suggested_and_a_far_one_not),
        cmocka_unit_test(a_set_finds_each_of_many_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
