#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/table.h"
#include "clients/ctl/screen/text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct screen plain = {.utf8 = false, .width = 0};
static const struct screen rich = {.terminal = true, .colour = true, .utf8 = true, .width = 80, .height = 24};

static void assert_put(struct buffer *out, const char *expected)
{
    assert_string_equal(buffer_text(out), expected);
    buffer_free(out);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void counts_have_commas(void **state)
{
    (void)state;
    static const struct {
        int64_t count;
        const char *text;
    } rows[] = {{0, "0"}, {999, "999"}, {1000, "1,000"}, {1234567, "1,234,567"}, {-1234, "-1,234"}, {-123, "-123"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        text_put_count(&out, rows[i].count);
        assert_put(&out, rows[i].text);
    }
}

static void durations_and_sizes_are_short(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } durations[] = {{0, "0 s"},
                     {59999, "59 s"},
                     {60000, "1 m 00 s"},
                     {3599000, "59 m 59 s"},
                     {7500000, "2 h 05 m"},
                     {90000000, "1 d 01 h"}};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        struct buffer out = {0};
        text_put_duration(&out, durations[i].ms);
        assert_put(&out, durations[i].text);
    }
    struct buffer out = {0};
    text_put_size(&out, 1023);
    text_put_size(&out, 4096);
    text_put_size(&out, INT64_C(412) << 20);
    assert_put(&out, "1023 B4.0 KiB412 MiB");
}

static void a_duration_is_read_strictly(void **state)
{
    (void)state;
    int64_t ms = -7;
    assert_true(text_parse_duration("90s", &ms));
    assert_int_equal(ms, 90000);
    assert_true(text_parse_duration("2h", &ms));
    assert_int_equal(ms, 7200000);
    assert_true(text_parse_duration("0ms", &ms));
    assert_int_equal(ms, 0);
    static const char *const wrong[] = {"", "s", "90", "-1s", " 1s", "1 s", "1.5h", "367d", "99999999999999999999s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(text_parse_duration(wrong[i], &ms));
}

static void times_lose_or_keep_their_fraction(void **state)
{
    (void)state;
    struct buffer out = {0};
    text_put_time(&out, "2026-12-01T00:00:03.25Z");
    assert_put(&out, "2026-12-01 00:00:03Z");
    text_put_instant(&out, "2026-12-01T00:00:03.25Z");
    assert_put(&out, "2026-12-01 00:00:03.250Z");
    text_put_instant(&out, "2026-12-01T00:00:03.123456Z");
    assert_put(&out, "2026-12-01 00:00:03.123Z");
    text_put_instant(&out, "2026-12-01T00:00:03Z");
    assert_put(&out, "2026-12-01 00:00:03.000Z");
    text_put_time(&out, "tomorrow");
    assert_put(&out, "tomorrow");
}

static void a_device_cannot_steer_the_terminal(void **state)
{
    (void)state;
    struct buffer out = {0};
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): it is to be taken out */
    (void)text_put_clean(&out, "disk\033[2J full\n\xff \xe2\x80\xae", 0, true);
    assert_put(&out, "disk?[2J full?? ?");
    assert_int_equal(text_put_clean(&out, "Zürich", 0, true), 6);
    assert_put(&out, "Zürich");
    assert_int_equal(text_put_clean(&out, "Zürich", 0, false), 6);
    assert_put(&out, "Z?rich");
    assert_int_equal(text_put_clean(&out, "Zürich HB", 6, true), 6);
    assert_put(&out, "Züric…");
    assert_int_equal(text_put_clean(&out, "Hauptbahnhof", 6, false), 6);
    assert_put(&out, "Haupt~");
}

/* ---- tables --------------------------------------------------------------------------------- */

static void a_table_aligns_its_columns(void **state)
{
    (void)state;
    static const struct table_column columns[] = {{"ID", true, 0, 0}, {"NAME", false, 0, 1}, {"DETAIL", false, 0, 0}};
    struct table table = table_start(columns, 3);
    table_add_id(&table, TONE_PLAIN, 1042);
    table_add(&table, TONE_PLAIN, "Zürich");
    table_add(&table, TONE_PLAIN, "");
    table_add_id(&table, TONE_PLAIN, 7);
    table_add(&table, TONE_PLAIN, "Ulm");
    table_add(&table, TONE_PLAIN, "the disk is full of logs");
    struct buffer out = {0};
    const struct screen wide = {.utf8 = true};
    table_put(&table, &wide, true, &out);
    assert_put(&out, "  ID  NAME    DETAIL\n"
                     "1042  Zürich  -\n"
                     "   7  Ulm     the disk is full of logs\n");
    const struct screen narrow = {.utf8 = true, .width = 31};
    table_put(&table, &narrow, false, &out);
    assert_put(&out, "1042  Zürich  -\n"
                     "   7  Ulm     the disk is full…\n");
    const struct screen phone = {.utf8 = true, .width = 22};
    table_put(&table, &phone, true, &out);
    assert_put(&out, "  ID  DETAIL\n"
                     "1042  -\n"
                     "   7  the disk is ful…\n");
    table_free(&table);
}

/* ---- bars ----------------------------------------------------------------------------------- */

static void assert_bar(struct bar_share share, unsigned width, const char *expected)
{
    struct buffer out = {0};
    bar_put(&share, width, &plain, &out);
    assert_put(&out, expected);
}

static void a_bar_has_its_width_whatever_it_shows(void **state)
{
    (void)state;
    assert_bar((struct bar_share){0, 0, 0, 100, 0}, 12, "[..........]");
    assert_bar((struct bar_share){50, 10, 20, 100, 0}, 12, "[#####!==..]");
    assert_bar((struct bar_share){100, 0, 0, 100, 0}, 12, "[##########]");
    assert_bar((struct bar_share){0, 0, 0, 0, 0}, 12, "[..........]");
}

static void one_in_a_million_is_seen_and_the_last_one_too(void **state)
{
    (void)state;
    assert_bar((struct bar_share){0, 1, 0, 1000000, 0}, 12, "[!.........]");
    assert_bar((struct bar_share){999998, 1, 0, 1000000, 0}, 12, "[########!.]");
    assert_bar((struct bar_share){1, 1, 1, 1000000, 0}, 12, "[#!=.......]");
    assert_int_equal(bar_percent(&(struct bar_share){999999, 0, 0, 1000000, 0}), 99);
    assert_int_equal(bar_percent(&(struct bar_share){0, 5, 0, 5, 0}), 100);
    assert_int_equal(bar_percent(&(struct bar_share){0, 0, 0, 0, 0}), 100);
}

static void every_bar_of_every_share_is_as_wide_as_asked(void **state)
{
    (void)state;
    const struct screen bare = {.utf8 = true};
    for (int64_t total = 0; total <= 12; total++)
        for (int64_t completed = 0; completed <= total; completed++)
            for (int64_t failed = 0; completed + failed <= total; failed++)
                for (int64_t busy = 0; completed + failed + busy <= total; busy++) {
                    struct buffer out = {0};
                    bar_put(&(struct bar_share){completed, failed, busy, total, 0}, 7, &bare, &out);
                    assert_int_equal(text_width(buffer_text(&out)), 7);
                    bool full = strstr(buffer_text(&out), "░") == NULL && strstr(buffer_text(&out), "▒") == NULL;
                    assert_int_equal(full, total > 0 && completed + failed == total);
                    buffer_free(&out);
                }
}

static void a_rate_is_of_the_last_seconds(void **state)
{
    (void)state;
    struct meter meter = {0};
    assert_true(meter_rate(&meter) == 0);
    for (int64_t second = 0; second <= 20; second++)
        meter_feed(&meter, second * 1000, second < 10 ? 0 : (second - 10) * 50);
    assert_true(meter_rate(&meter) > 49.9 && meter_rate(&meter) < 50.1);
    for (int64_t second = 21; second <= 40; second++)
        meter_feed(&meter, second * 1000, 500);
    assert_true(meter_rate(&meter) == 0);
}

static void a_rate_stands_still_however_often_it_is_fed(void **state)
{
    (void)state;
    struct meter meter = {0};
    for (int64_t ms = 0; ms <= 20000; ms += 10)
        meter_feed(&meter, ms, ms / 10);
    assert_true(meter_rate(&meter) > 99 && meter_rate(&meter) < 101);
}

/* ---- rollouts ------------------------------------------------------------------------------- */

static enum tone no_tone(const char *state)
{
    (void)state;
    return TONE_PLAIN;
}

static const char running[] =
    "{\"rollout\":42,\"name\":\"atm-app-4.7.2\",\"state\":\"running\",\"detail\":\"\",\"devices\":2008,"
    "\"at\":\"2026-12-01T01:00:00Z\",\"forecast_end_at\":\"2026-12-01T01:00:30Z\","
    "\"counts\":{\"created\":1408,\"sent\":100,\"completed\":497,\"failed\":2,\"timed_out\":1},"
    "\"first_start_at\":null,\"last_completed_at\":null,\"groups\":["
    "{\"group\":1,\"name\":\"lab\",\"state\":\"passed\",\"devices\":20,\"counts\":{\"completed\":20}},"
    "{\"group\":2,\"name\":\"rest\",\"state\":\"open\",\"devices\":1988,"
    "\"counts\":{\"created\":1408,\"sent\":100,\"completed\":477,\"failed\":2,\"timed_out\":1}}]}";

static json_t *rollout_document(const char *text)
{
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    return document;
}

static void a_rollout_is_drawn_with_a_bar_a_group(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document = rollout_document(running);
    assert_true(rollout_view_read(&view, document, 1000));
    struct buffer out = {0};
    const struct screen screen = {.utf8 = false, .width = 80};
    rollout_views_draw(&view, 1, no_tone, &screen, &out);
    assert_put(&out, "atm-app-4.7.2 - rollout 42 - running - 500 of 2,008 - ETA 30 s\n"
                     "  lab   [###################] 100%      20/20            passed\n"
                     "  rest  [####!=.............]  24%  480/1,988  3 failed  open\n");
    json_decref(document);
    rollout_view_free(&view);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document = rollout_document(running);
    for (unsigned width = 48; width <= 200; width++) {
        assert_true(rollout_view_read(&view, document, INT64_C(1000) * width));
        struct screen screen = {.utf8 = width % 2 == 0, .width = width};
        struct buffer out = {0};
        rollout_views_draw(&view, 1, no_tone, &screen, &out);
        char *rest;
        for (char *line = strtok_r(out.bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
            assert_in_range(text_width(line), 1, width - 1);
        buffer_free(&out);
    }
    json_decref(document);
    rollout_view_free(&view);
}

static void a_running_rollout_is_shown_with_its_pace(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document = rollout_document(running);
    json_t *counts = json_object_get(document, "counts");
    (void)json_object_set_new(counts, "completed", json_integer(397));
    assert_true(rollout_view_read(&view, document, 1000));
    (void)json_object_set_new(counts, "completed", json_integer(497));
    assert_true(rollout_view_read(&view, document, 3000));
    struct buffer out = {0};
    rollout_view_describe(&view, &out);
    assert_put(&out, "atm-app-4.7.2 (rollout 42): running, 500 of 2,008 ended, 3 failed, 50/s, ETA 30 s");
    json_decref(document);
    rollout_view_free(&view);
}

static json_t *with_state(const char *state)
{
    json_t *document = rollout_document(running);
    assert_int_equal(json_object_set_new(document, "state", json_string(state)), 0);
    return document;
}

static void a_paused_rollout_has_neither_a_pace_nor_an_end(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document = with_state("paused");
    json_t *counts = json_object_get(document, "counts");
    for (int64_t second = 1; second <= 3; second++) {
        (void)json_object_set_new(counts, "completed", json_integer(400 + 50 * second));
        assert_true(rollout_view_read(&view, document, second * 1000));
    }
    assert_false(group_view_has_rate(&view.all));
    struct buffer out = {0};
    const struct screen screen = {.width = 80};
    rollout_views_draw(&view, 1, no_tone, &screen, &out);
    assert_null(strstr(buffer_text(&out), "ETA"));
    assert_null(strstr(buffer_text(&out), "/s"));
    buffer_free(&out);
    json_decref(document);
    rollout_view_free(&view);
}

static void what_was_cancelled_before_it_started_did_not_fail_and_asks_for_nothing(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document = rollout_document(
        "{\"rollout\":7,\"name\":\"x\",\"state\":\"cancelled\",\"devices\":2760,\"counts\":{\"completed\":10,"
        "\"rejected\":8,"
        "\"cancelled\":2742},\"groups\":[{\"name\":\"pilot\",\"state\":\"awaiting_approval\",\"devices\":18,"
        "\"counts\":{\"completed\":10,\"rejected\":8}},{\"name\":\"rest\",\"state\":\"waiting\",\"devices\":2742,"
        "\"counts\":{\"cancelled\":2742}}]}");
    assert_true(rollout_view_read(&view, document, 1000));
    assert_int_equal(view.all.share.failed, 0);
    assert_int_equal(view.all.share.refused, 8);
    assert_false(view.groups[0].waits);
    struct buffer out = {0};
    rollout_view_describe(&view, &out);
    assert_put(&out, "x (rollout 7): cancelled, 18 of 2,760 ended, 8 refused, 2,742 not started");
    const struct screen screen = {.width = 80};
    rollout_views_draw(&view, 1, no_tone, &screen, &out);
    assert_non_null(strstr(buffer_text(&out), "  0%  0/2,742  2,742 not started  cancelled\n"));
    buffer_free(&out);
    json_decref(document);
    rollout_view_free(&view);
}

static void devices_that_are_to_be_retried_are_told_and_have_neither_ended_nor_failed(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document = rollout_document(
        "{\"rollout\":7,\"name\":\"x\",\"state\":\"running\",\"devices\":20,"
        "\"counts\":{\"created\":15,\"completed\":4,\"failed\":1},\"retrying\":{\"failed\":2,\"timed_out\":1},"
        "\"groups\":[{\"name\":\"all\",\"state\":\"open\",\"devices\":20,"
        "\"counts\":{\"created\":15,\"completed\":4,\"failed\":1},\"retrying\":{\"failed\":2,\"timed_out\":1}}]}");
    assert_true(rollout_view_read(&view, document, 1000));
    assert_int_equal(view.all.share.retrying, 3);
    assert_int_equal(rollout_share_ended(&view.all.share), 5);
    struct buffer out = {0};
    rollout_view_describe(&view, &out);
    assert_put(&out, "x (rollout 7): running, 5 of 20 ended, 1 failed, 3 to be retried");
    const struct screen screen = {.width = 100};
    rollout_views_draw(&view, 1, no_tone, &screen, &out);
    assert_non_null(strstr(buffer_text(&out), "  25%  5/20  1 failed, 3 to be retried  open\n"));
    buffer_free(&out);
    json_decref(document);
    rollout_view_free(&view);
}

static void an_ended_rollout_says_how_long_it_took(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    json_t *document =
        rollout_document("{\"rollout\":1,\"name\":\"x\",\"state\":\"completed\",\"devices\":2000,\"groups\":[],"
                         "\"counts\":{\"completed\":2000},\"first_start_at\":\"2026-12-01T00:00:00Z\","
                         "\"last_completed_at\":\"2026-12-01T00:00:08Z\"}");
    assert_true(rollout_view_read(&view, document, 1000));
    struct buffer out = {0};
    rollout_view_describe(&view, &out);
    assert_put(&out, "x (rollout 1): completed, 2,000 of 2,000 ended, in 8.0 s, 250/s");
    json_decref(document);
    rollout_view_free(&view);
}

/* A rollout that runs, with two groups in these states. */
static json_t *load_groups(const char *first, const char *second)
{
    json_t *document =
        json_pack("{s:i, s:s, s:s, s:i, s:[{s:s, s:s, s:i, s:s, s:i}, {s:s, s:s}]}", "rollout", 42, "name", "x",
                  "state", "running", "version", 7, "groups", "name", "pilot", "state", first, "soak_s", 7200,
                  "settled_at", "2026-12-03T22:30:05.5Z", "devices", 3, "name", "rest", "state", second);
    assert_non_null(document);
    return document;
}

static void a_rollout_of_which_only_a_person_can_open_the_next_group_waits(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool waits;
    } rows[] = {
        {"awaiting_approval", "waiting", true},  {"awaiting_approval", "open", false}, {"soaking", "waiting", false},
        {"awaiting_approval", "soaking", false}, {"open", "waiting", false},           {"passed", "passed", false},
    };
    struct rollout_view view = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *document = load_groups(rows[i].first, rows[i].second);
        assert_true(rollout_view_read(&view, document, 1000));
        json_decref(document);
        assert_int_equal(view.waits, rows[i].waits);
    }
    json_t *decided = load_groups("awaiting_approval", "waiting");
    assert_int_equal(json_object_set_new(json_array_get(json_object_get(decided, "groups"), 0), "decided", json_true()),
                     0);
    assert_true(rollout_view_read(&view, decided, 1000));
    json_decref(decided);
    assert_false(view.waits);
    rollout_view_free(&view);
}

static void a_soak_is_shown_with_its_end_and_another_stage_is_news(void **state)
{
    (void)state;
    struct rollout_view view = {0};
    struct buffer out = {0};
    json_t *document = load_groups("soaking", "waiting");
    assert_true(rollout_view_read(&view, document, 1000));
    json_decref(document);
    uint32_t stage = view.stage;
    rollout_view_describe(&view, &out);
    assert_put(&out, "x (rollout 42): running, 0 of 0 ended; group pilot soaks to 12-04 00:30Z");
    document = load_groups("awaiting_approval", "waiting");
    assert_true(rollout_view_read(&view, document, 1000));
    json_decref(document);
    assert_true(view.stage != stage);
    rollout_view_describe(&view, &out);
    assert_put(&out, "x (rollout 42): running, 0 of 0 ended; group pilot is awaiting approval");
    rollout_view_free(&view);
}

static void what_is_not_a_rollout_is_refused(void **state)
{
    (void)state;
    static const char *const documents[] = {"{}", "[]", "{\"rollout\":\"42\",\"state\":\"running\"}",
                                            "{\"rollout\":42,\"state\":null}"};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct rollout_view view = {0};
        json_t *document = rollout_document(documents[i]);
        assert_false(rollout_view_read(&view, document, 0));
        rollout_view_free(&view);
        json_decref(document);
    }
}

static void colours_are_only_for_those_who_show_them(void **state)
{
    (void)state;
    const struct bar_share share = {5, 5, 0, 10, 0};
    struct buffer out = {0};
    bar_put(&share, 4, &rich, &out);
    assert_put(&out, "\033[32m██\033[0m\033[31m██\033[0m");
    struct screen grey = rich;
    grey.colour = false;
    bar_put(&share, 4, &grey, &out);
    assert_put(&out, "████");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(durations_and_sizes_are_short),
        cmocka_unit_test(a_duration_is_read_strictly),
        cmocka_unit_test(times_lose_or_keep_their_fraction),
        cmocka_unit_test(a_device_cannot_steer_the_terminal),
        cmocka_unit_test(a_table_aligns_its_columns),
        cmocka_unit_test(a_bar_has_its_width_whatever_it_shows),
        cmocka_unit_test(one_in_a_million_is_seen_and_the_last_one_too),
        cmocka_unit_test(every_bar_of_every_share_is_as_wide_as_asked),
        cmocka_unit_test(a_rate_is_of_the_last_seconds),
        cmocka_unit_test(a_rate_stands_still_however_often_it_is_fed),
        cmocka_unit_test(a_rollout_is_drawn_with_a_bar_a_group),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(a_running_rollout_is_shown_with_its_pace),
        cmocka_unit_test(a_paused_rollout_has_neither_a_pace_nor_an_end),
        cmocka_unit_test(what_was_cancelled_before_it_started_did_not_fail_and_asks_for_nothing),
        cmocka_unit_test(devices_that_are_to_be_retried_are_told_and_have_neither_ended_nor_failed),
        cmocka_unit_test(an_ended_rollout_says_how_long_it_took),
        cmocka_unit_test(a_rollout_of_which_only_a_person_can_open_the_next_group_waits),
        cmocka_unit_test(a_soak_is_shown_with_its_end_and_another_stage_is_news),
        cmocka_unit_test(what_is_not_a_rollout_is_refused),
        cmocka_unit_test(colours_are_only_for_those_who_show_them),
    };
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
