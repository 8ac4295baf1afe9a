#include "orchestrator/metrics/metrics.h"

#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *write_all(struct buffer *out)
{
    buffer_clear(out);
    metrics_write(out);
    return out->bytes;
}

static void every_metric_has_a_help_a_type_and_one_value(void **state)
{
    (void)state;
    struct buffer out = {0};
    int helps = 0, types = 0, samples = 0;
    char *rest = NULL;
    for (char *line = strtok_r(write_all(&out), "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        helps += strncmp(line, "# HELP tellercast_", strlen("# HELP tellercast_")) == 0;
        types += strncmp(line, "# TYPE tellercast_", strlen("# TYPE tellercast_")) == 0;
        samples += strncmp(line, "tellercast_", strlen("tellercast_")) == 0;
        if (line[0] != '#')
            assert_true(isdigit((unsigned char)line[strlen(line) - 1]));
    }
    /* The stages are one metric. */
    assert_int_equal(helps, METRIC_COUNT + FAMILY_COUNT + HISTOGRAM_STAGE_CREATED + 1);
    assert_int_equal(types, helps);
    assert_true(samples >= METRIC_COUNT + 3 * HISTOGRAM_COUNT);
    buffer_free(&out);
}

static void a_counter_ends_in_total_and_a_gauge_does_not(void **state)
{
    (void)state;
    struct buffer out = {0};
    int gauges = 0;
    char *rest = NULL;
    for (char *line = strtok_r(write_all(&out), "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char name[128], type[16];
        if (sscanf(line, "# TYPE %127s %15s", name, type) != 2)
            continue;
        const char *end = name + strlen(name) - strlen("_total");
        assert_int_equal(strcmp(end, "_total") == 0, strcmp(type, "counter") == 0);
        gauges += strcmp(type, "gauge") == 0;
    }
    assert_int_equal(gauges, METRIC_COUNT - METRIC_QUEUE_ORDERS + FAMILY_COUNT - FAMILY_ROLLOUTS);
    buffer_free(&out);
}

static void a_value_is_written_under_its_own_name(void **state)
{
    (void)state;
    metric_set(METRIC_QUEUE_ASKS, 17);
    metric_add(METRIC_RETRIES, 2);
    metric_add(METRIC_RETRIES, 3);
    struct buffer out = {0};
    (void)write_all(&out);
    assert_non_null(strstr(out.bytes, "\ntellercast_queue_asks 17\n"));
    assert_non_null(strstr(out.bytes, "\ntellercast_retries_total 5\n"));
    buffer_free(&out);
}

enum { ADDERS = 4, ADDS_EACH = 10000 };

static void *add_many(void *argument)
{
    for (int i = 0; i < ADDS_EACH; i++)
        metric_add(METRIC_ASKS_RECEIVED, 1);
    return argument;
}

static void no_addition_of_several_threads_is_lost(void **state)
{
    (void)state;
    pthread_t threads[ADDERS];
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(metric_value(METRIC_ASKS_RECEIVED), ADDERS * ADDS_EACH);
}

static void a_family_has_a_value_for_each_label_and_the_rest_under_other(void **state)
{
    (void)state;
    struct buffer out = {0};
    char code[METRIC_LABEL_SIZE];
    metric_count(FAMILY_FAILURES, "disk_full");
    metric_count(FAMILY_FAILURES, "disk_full");
    metric_count(FAMILY_FAILURES, "disk_\"full\"");
    metric_count(FAMILY_FAILURES, "a-code-of-sixty-two-bytes-and-a-character-of-two-bytes-more-1234\303\244");
    metric_count(FAMILY_FAILURES, "");
    for (int i = 0; i < METRIC_LABELS_MAX + 5; i++) {
        (void)snprintf(code, sizeof code, "code-%d", i);
        metric_count(FAMILY_FAILURES, code);
    }
    metric_show(FAMILY_WEBHOOK_POSTS, "given_up");
    metric_set_labelled(FAMILY_WEBHOOK_OLDEST, "siem", 7);
    metric_set_labelled(FAMILY_WEBHOOK_OLDEST, "siem", 8);
    const char *text = write_all(&out);
    assert_non_null(strstr(text, "\ntellercast_webhook_posts_total{result=\"given_up\"} 0\n"));
    assert_non_null(strstr(text, "_timestamp_seconds{webhook=\"siem\"} 8\n"));
    assert_non_null(strstr(text, "\ntellercast_failures_total{code=\"disk_full\"} 2\n"));
    assert_non_null(strstr(text, "\ntellercast_failures_total{code=\"code-253\"} 1\n"));
    assert_null(strstr(text, "{code=\"code-254\"}"));
    assert_non_null(strstr(text, "\ntellercast_failures_total{code=\"other\"} 10\n"));
    buffer_free(&out);
}

static void gauges_of_a_family_are_replaced_together(void **state)
{
    (void)state;
    struct buffer out = {0};
    const struct metric_sample samples[] = {{"running", 3}, {"paused", 1}};
    metrics_set_family(FAMILY_ROLLOUTS, samples, 2);
    metrics_set_family(FAMILY_ROLLOUTS, samples, 1);
    const char *text = write_all(&out);
    assert_non_null(strstr(text, "\ntellercast_rollouts{state=\"running\"} 3\n"));
    assert_null(strstr(text, "{state=\"paused\"}"));
    buffer_free(&out);
}

static void a_histogram_counts_each_duration_in_every_larger_bucket(void **state)
{
    (void)state;
    struct buffer out = {0};
    metric_observe(HISTOGRAM_CACHE, 500);
    metric_observe(HISTOGRAM_CACHE, 501);
    metric_observe(HISTOGRAM_CACHE, 20000000);
    const char *text = write_all(&out);
    assert_non_null(strstr(text, "# TYPE tellercast_cache_call_seconds histogram\n"));
    assert_non_null(strstr(text, "\ntellercast_cache_call_seconds_bucket{le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(text, "\ntellercast_cache_call_seconds_bucket{le=\"0.001\"} 2\n"));
    assert_non_null(strstr(text, "\ntellercast_cache_call_seconds_bucket{le=\"10\"} 2\n"));
    assert_non_null(strstr(text, "\ntellercast_cache_call_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "\ntellercast_cache_call_seconds_sum 20.001001\n"));
    assert_non_null(strstr(text, "\ntellercast_cache_call_seconds_count 3\n"));
    buffer_free(&out);
}

static void a_stage_is_counted_in_the_bucket_that_the_database_names(void **state)
{
    (void)state;
    struct buffer out = {0};
    metric_stage_bounds(&out);
    assert_int_equal(strncmp(buffer_text(&out), "{101,251,501,1001,", 18), 0);
    metric_observe_stage(HISTOGRAM_STAGE_SENT, 3, 2, 1500);
    metric_observe(HISTOGRAM_STAGE_SENT, 1000000);
    metric_observe_stage(HISTOGRAM_STAGE_SENT, 14, 1, 4000000);
    const char *text = write_all(&out);
    assert_non_null(strstr(text, "\ntellercast_stage_seconds_bucket{state=\"sent\",le=\"0.5\"} 0\n"));
    assert_non_null(strstr(text, "\ntellercast_stage_seconds_bucket{state=\"sent\",le=\"1\"} 3\n"));
    assert_non_null(strstr(text, "\ntellercast_stage_seconds_bucket{state=\"sent\",le=\"3600\"} 3\n"));
    assert_non_null(strstr(text, "\ntellercast_stage_seconds_bucket{state=\"sent\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(text, "\ntellercast_stage_seconds_sum{state=\"sent\"} 4002.500000\n"));
    assert_non_null(strstr(text, "\ntellercast_stage_seconds_count{state=\"installing\"} 0\n"));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_has_a_help_a_type_and_one_value),
        cmocka_unit_test(a_family_has_a_value_for_each_label_and_the_rest_under_other),
        cmocka_unit_test(gauges_of_a_family_are_replaced_together),
        cmocka_unit_test(a_histogram_counts_each_duration_in_every_larger_bucket),
        cmocka_unit_test(a_stage_is_counted_in_the_bucket_that_the_database_names),
        cmocka_unit_test(a_counter_ends_in_total_and_a_gauge_does_not),
        cmocka_unit_test(a_value_is_written_under_its_own_name),
        cmocka_unit_test(no_addition_of_several_threads_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
