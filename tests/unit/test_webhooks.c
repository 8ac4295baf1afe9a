#include "base/file.h"
#include "config/webhooks.h"
#include "orchestrator/webhooks/delivery.h"
#include "orchestrator/webhooks/signature.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The example of the specification, Standard Webhooks 1.0.0. */
static const char example_secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char example_id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char example_body[] = "{\"test\": 2432232314}";
static const char example_signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
enum { EXAMPLE_TIME_S = 1614265330 };

static enum tc_error read_secret(const char *text, struct webhook_secret *secret, struct tc_fault *fault)
{
    struct temporary_folder folder;
    char path[PATH_MAX];
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "secret", path);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), TC_OK);
    enum tc_error error = webhook_secret_read(path, secret, fault);
    temporary_folder_remove(&folder);
    return error;
}

static void the_signature_is_that_of_the_specification_s_example(void **state)
{
    (void)state;
    struct webhook_secret secret;
    struct buffer header = {0};
    assert_int_equal(read_secret(example_secret, &secret, NULL), TC_OK);
    webhook_sign(&secret, example_id, EXAMPLE_TIME_S, example_body, &header);
    assert_string_equal(buffer_text(&header), example_signature);
    webhook_sign(&secret, example_id, EXAMPLE_TIME_S, example_body, &header);
    assert_int_equal(header.length, 2 * strlen(example_signature) + 1);
    assert_int_equal(header.bytes[strlen(example_signature)], ' ');
    buffer_free(&header);
}

static void a_secret_of_another_form_is_refused_and_not_quoted(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  /* without its prefix */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2L", /* too short */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct webhook_secret secret;
        struct tc_fault fault;
        assert_int_equal(read_secret(refused[i], &secret, &fault), TC_INVALID);
        assert_null(strstr(fault.text, "MfKQ"));
    }
}

static void a_receiver_that_fails_is_tried_less_and_less_often(void **state)
{
    (void)state;
    assert_int_equal(delivery_pause_ms(1, 0), 500);
    assert_in_range(delivery_pause_ms(1, UINT32_MAX), 999, 1000);
    assert_int_equal(delivery_pause_ms(4, 0), 4000);
    assert_int_equal(delivery_pause_ms(100000, 0), 150000);
    assert_in_range(delivery_pause_ms(INT64_MAX, UINT32_MAX), 299999, 300000);
}

static void a_setting_is_read_and_compared_whole(void **state)
{
    (void)state;
    struct webhook_settings one[WEBHOOKS_MAX], other[WEBHOOKS_MAX];
    static const char setting[] = "[{\"name\":\"siem\",\"url\":\"https://a\",\"secret_files\":[\"/a\",\"/b\"],"
                                  "\"kinds\":[\"freeze\"],\"ca_file\":\"\"}]";
    assert_int_equal(webhooks_read(setting, one), 1);
    assert_int_equal(webhooks_read(setting, other), 1);
    assert_true(webhook_settings_equal(&one[0], &other[0]));
    assert_true(webhook_wants(&one[0], "freeze") && !webhook_wants(&one[0], "rollout"));
    other[0].kind_count = 0;
    assert_false(webhook_settings_equal(&one[0], &other[0]));
    assert_true(webhook_wants(&other[0], "rollout"));
    webhook_settings_free(&one[0]);
    webhook_settings_free(&other[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_that_of_the_specification_s_example),
        cmocka_unit_test(a_secret_of_another_form_is_refused_and_not_quoted),
        cmocka_unit_test(a_receiver_that_fails_is_tried_less_and_less_often),
        cmocka_unit_test(a_setting_is_read_and_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
