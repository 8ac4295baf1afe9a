#include "clients/ctl/picture/markup.h"
#include "clients/ctl/picture/timeline_columns.h"
#include "clients/ctl/picture/timeline_draw.h"
#include "clients/ctl/picture/timeline_words.h"
#include "tests/unit/markup_check.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct screen plain = {.utf8 = false, .width = 0};
static const struct screen rich = {.utf8 = true, .width = 80};

static const char preview_text[] =
    "{'name':'atm-app-4.7.2','devices':2008,'groups':[{'group':1,'name':'lab','devices':2},"
    "{'group':2,'name':'pilot','devices':40},{'group':3,'name':'rest','devices':1966}],'nights':["
    "{'night':'2026-12-01','group':'lab','devices':2},{'night':'2026-12-01','group':'pilot','devices':25},"
    "{'night':'2026-12-02','group':'pilot','devices':15},{'night':'2026-12-05','group':'rest','devices':800},"
    "{'night':'2026-12-06','group':'rest','devices':400},{'night':'2026-12-20','group':'rest','devices':766}],"
    "'calendars':{'month-end':[{'from':'2026-12-09','to':'2026-12-09','reason':'month-end'},"
    "{'from':'2026-12-10T22:00:00Z','to':'2026-12-12T00:00:00Z','reason':''}]}}";
static const char plan_text[] =
    "{'spec':{'approvals':{'required':2},'groups':[{'name':'lab','success':100,'soak':0,'approval':'automatic'},"
    "{'name':'pilot','success':99.5,'soak':172800,'approval':'manual'},{'name':'rest','success':98,'soak':0}],"
    "'schedule':{'blackouts':[{'from':'2026-12-08','to':'2026-12-09','reason':'pay <day>'}]}}}";

/* JSON with its quotes turned, so that it can be read in a source. */
static json_t *load(const char *text)
{
    char turned[4096];
    assert_true(strlen(text) < sizeof turned);
    size_t i = 0;
    for (; text[i] != '\0'; i++)
        turned[i] = text[i] == '\'' ? '"' : text[i];
    turned[i] = '\0';
    json_t *document = json_loads(turned, 0, NULL);
    assert_non_null(document);
    return document;
}

static void read_preview(struct timeline *timeline, const char *preview_source, const char *plan_source)
{
    json_t *preview = load(preview_source);
    json_t *plan = load(plan_source);
    timeline_read_preview(timeline, preview, plan);
    json_decref(preview);
    json_decref(plan);
}

/* ---- the model ------------------------------------------------------------------------------ */

static void a_day_is_a_column_and_idle_days_alike_are_one(void **state)
{
    (void)state;
    struct timeline timeline;
    read_preview(&timeline, preview_text, plan_text);
    static const struct {
        int day, days; /* of December */
        bool blackout;
    } columns[] = {{1, 1, false}, {2, 1, false},  {3, 1, false}, {4, 1, false}, {5, 1, false},
                   {6, 1, false}, {7, 1, false},  {8, 1, true},  {9, 1, true},  {10, 1, true},
                   {11, 1, true}, {12, 8, false}, {20, 1, false}};
    int first = timeline_day_read("2026-12-01");
    assert_int_equal(timeline.column_count, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < timeline.column_count; i++) {
        assert_int_equal(timeline.columns[i].day - first + 1, columns[i].day);
        assert_int_equal(timeline.columns[i].days, columns[i].days);
        assert_int_equal(timeline.columns[i].blackout != NULL, columns[i].blackout);
    }
    assert_int_equal(timeline.most, 800);
    assert_int_equal(timeline.approvals, 2);
    assert_int_equal(timeline_night_at(&timeline, 2, 12)->planned, 766);
    assert_null(timeline_night_at(&timeline, 2, 6));
    assert_null(timeline_night_at(&timeline, 0, 12));
    timeline_free(&timeline);
    read_preview(&timeline, "{'approvals':{'required':3},'groups':[],'nights':[]}", plan_text);
    assert_int_equal(timeline.approvals, 3); /* as the policy of the site asks for */
    timeline_free(&timeline);
}

static void a_soak_lasts_from_the_last_night_on(void **state)
{
    (void)state;
    struct timeline timeline;
    double begin, end;
    read_preview(&timeline, preview_text, plan_text);
    assert_false(timeline_soak(&timeline.groups[0], &begin, &end));
    assert_true(timeline_soak(&timeline.groups[1], &begin, &end));
    assert_true(timeline_position(&timeline, begin) > 1.5 && timeline_position(&timeline, begin) < 2);
    assert_true(timeline_position(&timeline, end) == 3.5);
    /* In a run of days that are one column it goes on in proportion. */
    double middle = timeline_day_read("2026-12-16");
    assert_true(timeline_position(&timeline, middle) == 11.5);
    assert_true(timeline_position(&timeline, 1e9) == 13);
    timeline_free(&timeline);
}

static void a_report_shows_actual_starts_too_and_two_of_a_night_are_added(void **state)
{
    (void)state;
    struct timeline timeline;
    json_t *evidence =
        load("{'name':'x','groups':[{'group':1,'name':'all','devices':9}],'nights':["
             "{'night':'2026-12-02','group':'all','planned':0,'started':4,'completed':2,'failed':1,'timed_out':1},"
             "{'night':'2026-12-01','group':'all','planned':5,'started':1,'completed':1},"
             "{'night':'2026-12-02','group':'all','planned':4,'started':0,'completed':0}],"
             "'plan':{'spec':{'groups':[{'name':'all','success':90}]}}}");
    timeline_read_evidence(&timeline, evidence);
    json_decref(evidence);
    assert_int_equal(timeline.night_count, 2);
    const struct timeline_night *second = timeline_night_at(&timeline, 0, 1);
    assert_int_equal(second->planned, 4);
    assert_int_equal(second->started, 4);
    assert_int_equal(second->completed, 2);
    assert_int_equal(second->failed, 2);
    timeline_free(&timeline);
}

static void what_makes_no_sense_is_left_out(void **state)
{
    (void)state;
    static const char *const previews[] = {
        "{}",
        "[]",
        "{'groups':7,'nights':{}}",
        "{'groups':[{}],'nights':[{'night':'yesterday','group':''},{'night':'2026-13-01','group':''}]}",
        "{'groups':[{'name':'a','devices':-5}],'nights':[{'night':'2026-12-01','group':'b','devices':1},"
        "{'night':'2026-12-01','group':'a','devices':-1}]}",
        "{'groups':[{'name':'a'}],'nights':[{'night':'1970-01-01','group':'a','devices':1},"
        "{'night':'9999-12-31','group':'a','devices':1}]}",
    };
    for (size_t i = 0; i < sizeof previews / sizeof *previews; i++) {
        struct timeline timeline;
        struct buffer out = {0};
        read_preview(&timeline, previews[i], "{'spec':{'schedule':{'blackouts':[{'from':'x','to':'y'},7]}}}");
        const struct timeline_part whole = timeline_whole(&timeline);
        timeline_put_screen(&timeline, &rich, &out);
        timeline_put_svg(&timeline, &whole, 1000, "", &out);
        timeline_free(&timeline);
        buffer_free(&out);
    }
}

/* ---- the words ------------------------------------------------------------------------------ */

static void gates_are_shown_in_short(void **state)
{
    (void)state;
    static const struct {
        struct timeline_group group;
        const char *text;
    } rows[] = {
        {{.success = 100}, "100 %"},
        {{.success = 99.5, .soak_s = 172800, .manual = true}, ">= 99.5 %, soak 48 h, approval"},
        {{.success = -1, .soak_s = 5400}, "soak 90 min"},
        {{.success = -1, .soak_s = INT64_C(7) * 86400}, "soak 7 d"},
        {{.success = -1, .soak_s = 30}, "soak 30 s"},
        {{.success = -1, .manual = true}, "approval"},
        {{.success = -1}, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        timeline_put_gate(&rows[i].group, false, &out);
        assert_string_equal(buffer_text(&out), rows[i].text);
        buffer_free(&out);
    }
}

static void counts_are_at_most_five_characters(void **state)
{
    (void)state;
    static const struct {
        int64_t count;
        const char *text;
    } rows[] = {{0, "0"}, {9999, "9,999"}, {10000, "10k"}, {999999, "999k"}, {1200000, "1.2M"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        timeline_put_short_count(rows[i].count, &out);
        assert_string_equal(buffer_text(&out), rows[i].text);
        buffer_free(&out);
    }
}

/* ---- in the terminal ------------------------------------------------------------------------ */

static void the_terminal_shows_groups_as_rows_and_nights_as_columns(void **state)
{
    (void)state;
    struct timeline timeline;
    struct buffer out = {0};
    read_preview(&timeline, preview_text, plan_text);
    timeline_put_screen(&timeline, &rich, &out);
    assert_string_equal(buffer_text(&out), "       Dec 2026\n"
                                           "       01 02 03 04 05 06 07 08 09 10 11 ⋯  20\n"
                                           "lab    ▁▁                   ×× ×× ×× ××             2\n"
                                           "pilot  ▁▁ ▁▁ ░░ ░░◆         ×× ×× ×× ××            40\n"
                                           "rest               ██ ▄▄    ×× ×× ×× ××    ██   1,966\n"
                                           "       ██ 800 devices a night  ░░ soak  ◆ approval  ×× blackout\n");
    buffer_clear(&out);
    timeline_put_screen(&timeline, &plain, &out);
    for (const char *c = buffer_text(&out); *c != '\0'; c++)
        assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
    assert_non_null(strstr(buffer_text(&out), "pilot  .. .. ~~ ~~?"));
    buffer_free(&out);
    timeline_free(&timeline);
}

static void a_narrow_terminal_gets_one_part_below_the_other(void **state)
{
    (void)state;
    enum { WIDTH = 40 };
    const struct screen narrow = {.utf8 = false, .width = WIDTH};
    struct timeline timeline;
    struct buffer out = {0};
    read_preview(&timeline, preview_text, plan_text);
    timeline_put_screen(&timeline, &narrow, &out);
    unsigned parts = 0;
    for (const char *line = buffer_text(&out); (line = strstr(line, "\nlab ")) != NULL; line++)
        parts++;
    assert_int_equal(parts, 2);
    const char *legend = strstr(buffer_text(&out), "##");
    for (const char *line = buffer_text(&out); line < legend; line += strcspn(line, "\n") + 1) {
        if (line + strcspn(line, "\n") < legend)
            assert_true(strcspn(line, "\n") <= WIDTH);
    }
    buffer_free(&out);
    timeline_free(&timeline);
}

static void without_a_night_nothing_is_drawn(void **state)
{
    (void)state;
    struct timeline timeline;
    struct buffer out = {0};
    read_preview(&timeline, "{'name':'x','groups':[{'name':'all','devices':7}],'nights':[]}", "{}");
    timeline_put_screen(&timeline, &rich, &out);
    assert_int_equal(out.length, 0);
    timeline_free(&timeline);
}

/* ---- as SVG --------------------------------------------------------------------------------- */

static void put_picture(const struct timeline *timeline, const char *heading, struct buffer *out)
{
    const struct timeline_part whole = timeline_whole(timeline);
    buffer_clear(out);
    timeline_put_svg(timeline, &whole, 1200, heading, out);
}

static void a_picture_is_well_formed_and_says_all(void **state)
{
    (void)state;
    struct timeline timeline;
    struct buffer out = {0};
    read_preview(&timeline, preview_text, plan_text);
    put_picture(&timeline, "2,008 devices <in> 3 \"groups\" & more", &out);
    const char *text = buffer_text(&out);
    assert_true(markup_is_well_formed(text));
    static const char *const parts[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "&lt;in&gt; 3 &quot;groups&quot; &amp; more",
        "blackout: pay &lt;day&gt;",
        "<title>soak 48 h</title>",
        "a person approves the next group",
        ">8 days<",
        "pilot, Tue 1 December 2026: 25 devices",
        ">1,966<",
        "≥ 99.5 % · soak 48 h · approval",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(text, parts[i]));
    assert_null(strstr(text, "nan"));
    put_picture(&timeline, NULL, &out);
    assert_true(markup_is_well_formed(buffer_text(&out)));
    assert_null(strstr(buffer_text(&out), "<?xml"));
    buffer_free(&out);
    timeline_free(&timeline);
}

static void many_groups_and_nights_make_a_picture_too(void **state)
{
    (void)state;
    enum { GROUPS = 40, NIGHTS = 60 };
    struct timeline timeline;
    struct buffer out = {0};
    json_t *groups = json_array();
    json_t *nights = json_array();
    for (int i = 0; i < GROUPS; i++) {
        char name[65];
        (void)snprintf(name, sizeof name, "a-group-with-quite-a-long-name-%02d", i);
        assert_int_equal(json_array_append_new(groups, json_pack("{s:s, s:i}", "name", name, "devices", i * 100)), 0);
        for (int day = 1; day < NIGHTS; day += 2) {
            char date[16];
            (void)snprintf(date, sizeof date, "2026-%02d-%02d", 10 + day / 30, 1 + day % 30);
            assert_int_equal(json_array_append_new(nights, json_pack("{s:s, s:s, s:i}", "night", date, "group", name,
                                                                     "devices", i * day)),
                             0);
        }
    }
    json_t *preview = json_pack("{s:s, s:o, s:o}", "name", "large", "groups", groups, "nights", nights);
    timeline_read_preview(&timeline, preview, NULL);
    json_decref(preview);
    put_picture(&timeline, "", &out);
    assert_true(markup_is_well_formed(buffer_text(&out)));
    assert_null(strstr(buffer_text(&out), "a-group-with-quite-a-long-name-07</text>"));
    buffer_free(&out);
    timeline_free(&timeline);
}

static void text_cannot_become_markup(void **state)
{
    (void)state;
    struct buffer out = {0};
    markup_put(&out, "<script>alert('1' & \"2\")</script>");
    assert_string_equal(buffer_text(&out), "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;");
    buffer_clear(&out);
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): it is to be taken out */
    markup_put(&out, "a\x01\033[2J\xff\xc2\x85\xe2\x80\xae\xef\xbf\xbfZürich\n");
    assert_string_equal(buffer_text(&out), "a��[2J����Zürich\n");
    buffer_clear(&out);
    markup_put_cut(&out, "Zürich <HB>", 8);
    markup_put_cut(&out, "Bern", 4);
    assert_string_equal(buffer_text(&out), "Zürich …Bern");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_is_a_column_and_idle_days_alike_are_one),
        cmocka_unit_test(a_soak_lasts_from_the_last_night_on),
        cmocka_unit_test(a_report_shows_actual_starts_too_and_two_of_a_night_are_added),
        cmocka_unit_test(what_makes_no_sense_is_left_out),
        cmocka_unit_test(gates_are_shown_in_short),
        cmocka_unit_test(counts_are_at_most_five_characters),
        cmocka_unit_test(the_terminal_shows_groups_as_rows_and_nights_as_columns),
        cmocka_unit_test(a_narrow_terminal_gets_one_part_below_the_other),
        cmocka_unit_test(without_a_night_nothing_is_drawn),
        cmocka_unit_test(a_picture_is_well_formed_and_says_all),
        cmocka_unit_test(many_groups_and_nights_make_a_picture_too),
        cmocka_unit_test(text_cannot_become_markup),
    };
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
