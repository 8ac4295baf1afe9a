/* The curves of a forecast in the terminal. */
#include "clients/ctl/picture/forecast_curve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct screen narrow = {.utf8 = false, .width = 32}; /* 20 columns for 20 hours */

/* Ten devices planned in the first ten hours; four are done after five hours. */
static json_t *load(void)
{
    json_t *document =
        json_loads("{\"devices\": 10, \"at\": \"2026-12-01T05:00:00Z\","
                   "\"best_end_at\": \"2026-12-01T12:30:00Z\", \"worst_end_at\": \"2026-12-01T20:00:00Z\","
                   "\"plan\": [{\"starts_at\": \"2026-12-01T00:00:00Z\", \"ends_at\": "
                   "\"2026-12-01T10:00:00Z\", \"devices\": 10}],"
                   "\"actual\": [{\"at\": \"2026-12-01T01:00:00Z\", \"completed\": 1, \"failed\": 0},"
                   "{\"at\": \"2026-12-01T05:00:00Z\", \"completed\": 3, \"failed\": 1}]}",
                   0, NULL);
    assert_non_null(document);
    return document;
}

static void the_plan_what_was_done_and_the_ends_share_one_axis(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_t *document = load();
    forecast_curve_put(document, &narrow, &out);
    assert_string_equal(buffer_text(&out), "  planned   123345567###########\n"
                                           "  done      11113\n"
                                           "  end                   |------|\n"
                                           "            2026-12-01 00:00:00Z to 2026-12-01 20:00:00Z\n");
    buffer_free(&out);
    json_decref(document);
}

static void without_a_forecast_only_plan_and_actual_are_drawn(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_t *document = load();
    (void)json_object_set_new(document, "best_end_at", json_null());
    (void)json_object_set_new(document, "worst_end_at", json_null());
    forecast_curve_put(document, &narrow, &out);
    assert_null(strstr(buffer_text(&out), "  end "));
    assert_non_null(strstr(buffer_text(&out), "to 2026-12-01 10:00:00Z"));
    buffer_free(&out);
    json_decref(document);
}

static void a_document_without_numbers_draws_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = {"devices", "actual"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct buffer out = {0};
        json_t *document = load();
        (void)json_object_set_new(document, keys[i], json_null());
        forecast_curve_put(document, &narrow, &out);
        assert_int_equal(out.length, 0);
        buffer_free(&out);
        json_decref(document);
    }
    struct buffer out = {0};
    json_t *empty = json_array();
    forecast_curve_put(empty, &narrow, &out);
    assert_int_equal(out.length, 0);
    buffer_free(&out);
    json_decref(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_what_was_done_and_the_ends_share_one_axis),
        cmocka_unit_test(without_a_forecast_only_plan_and_actual_are_drawn),
        cmocka_unit_test(a_document_without_numbers_draws_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
