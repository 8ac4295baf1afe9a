/* What new settings do to the webhooks. The deliveries are this test's own: they write what is done to them. */
#include "base/buffer.h"
#include "orchestrator/webhooks/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WEBHOOK(name, host)                                                                                            \
    "{\"name\":\"" name "\",\"url\":\"https://" host "\",\"secret_files\":[\"/s\"],\"kinds\":[],"                      \
    "\"ca_file\":\"\"}"

struct delivery {
    struct webhook_settings settings;
};

static struct buffer done; /* "open a, stop a, close a, " */
static const char *fails;  /* the webhook that cannot be started */

static void note(const char *what, const char *name)
{
    buffer_format(&done, "%s %s, ", what, name);
}

enum tc_error delivery_open(const struct webhooks_config *config, struct webhook_settings *settings,
                            struct delivery **delivery, struct tc_fault *fault)
{
    (void)config;
    note("open", settings->name);
    bool is_well = fails == NULL || strcmp(fails, settings->name) != 0;
    if (is_well) {
        *delivery = calloc(1, sizeof **delivery);
        assert_non_null(*delivery);
        (*delivery)->settings = *settings;
    } else {
        webhook_settings_free(settings);
    }
    *settings = (struct webhook_settings){0};
    return is_well ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "no thread");
}

void delivery_stop(struct delivery *delivery)
{
    if (delivery != NULL)
        note("stop", delivery->settings.name);
}

void delivery_close(struct delivery *delivery)
{
    if (delivery == NULL)
        return;
    note("close", delivery->settings.name);
    webhook_settings_free(&delivery->settings);
    free(delivery);
}

const struct webhook_settings *delivery_settings(const struct delivery *delivery)
{
    return &delivery->settings;
}

void delivery_begin_again(struct delivery *delivery)
{
    note("again", delivery->settings.name);
}

int64_t delivery_last_progress_ms(const struct delivery *delivery)
{
    (void)delivery;
    return 0;
}

static struct webhooks *open_with(const char *setting)
{
    static const struct webhooks_config config = {0};
    struct webhooks *webhooks;
    struct tc_fault fault;
    fails = NULL;
    assert_int_equal(webhooks_open(&config, setting, &webhooks, &fault), TC_OK);
    buffer_clear(&done);
    return webhooks;
}

static void close_all(struct webhooks *webhooks)
{
    webhooks_close(webhooks);
    buffer_free(&done);
}

static void all_that_end_are_stopped_before_one_is_waited_for(void **state)
{
    (void)state;
    struct webhooks *webhooks = open_with("[" WEBHOOK("a", "h") "," WEBHOOK("b", "h") "," WEBHOOK("c", "h") "]");
    webhooks_end(webhooks);
    assert_string_equal(buffer_text(&done), "stop a, stop b, stop c, close a, close b, close c, ");
    close_all(webhooks);
}

static void one_that_stays_the_same_goes_on_and_one_that_changed_ends_before_it_begins(void **state)
{
    (void)state;
    struct webhooks *webhooks = open_with("[" WEBHOOK("a", "h") "," WEBHOOK("b", "h") "]");
    webhooks_replace(webhooks, "[" WEBHOOK("b", "other") "," WEBHOOK("a", "h") "]");
    assert_string_equal(buffer_text(&done), "stop b, close b, open b, again a, ");
    close_all(webhooks);
}

static void one_that_cannot_be_started_is_left_out_and_the_next_one_begins(void **state)
{
    (void)state;
    struct buffer told = {0};
    struct webhooks *webhooks = open_with("[]");
    fails = "a";
    webhooks_replace(webhooks, "[" WEBHOOK("a", "h") "," WEBHOOK("b", "h") "]");
    assert_string_equal(buffer_text(&done), "open a, open b, ");
    webhooks_describe(webhooks, &told);
    assert_string_equal(buffer_text(&told), "[{\"name\":\"b\",\"host\":\"h\",\"kinds\":[]}]");
    buffer_free(&told);
    close_all(webhooks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_end_are_stopped_before_one_is_waited_for),
        cmocka_unit_test(one_that_stays_the_same_goes_on_and_one_that_changed_ends_before_it_begins),
        cmocka_unit_test(one_that_cannot_be_started_is_left_out_and_the_next_one_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
