#include "clients/agent/session_endpoint.h"
#include "clients/agent/settings.h"
#include "document_check.h"

static void a_device_without_a_certificate_uses_the_former_listener_or_waits(void **state)
{
    (void)state;
    assert_int_equal(session_choose(true, false, false), SESSION_FORMER);
    assert_int_equal(session_choose(true, false, true), SESSION_FORMER);
    assert_int_equal(session_choose(false, false, false), SESSION_NOWHERE);
}

static void a_device_with_a_certificate_uses_the_former_listener_after_a_failure_alone(void **state)
{
    (void)state;
    assert_int_equal(session_choose(true, true, false), SESSION_OWN);
    assert_int_equal(session_choose(true, true, true), SESSION_FORMER);
    assert_int_equal(session_choose(false, true, true), SESSION_OWN);
}

static void assert_settings(const char *text, const char *refusal)
{
    static const char all[] = "device: P1\nformer_broker.port: 1883\n"
                              "broker: {port: 8883, certificate_file: /c, key_file: /k}\n";
    struct document_faults faults = {0};
    struct agent_settings settings;
    struct tc_fault fault;
    struct buffer document = {0};
    buffer_format(&document, "%s%s", all, text);
    assert_int_equal(settings_parse(&agent_settings_table, document.bytes, document.length, &settings, &faults), TC_OK);
    enum tc_error error = agent_settings_check(&settings, ROLE_PULL, &fault);
    assert_int_equal(error, refusal == NULL ? TC_OK : TC_INVALID);
    if (refusal != NULL)
        assert_non_null(strstr(fault.text, refusal));
    settings_free(&agent_settings_table, &settings);
    document_faults_free(&faults);
    buffer_free(&document);
}

static void a_former_listener_is_one_that_the_device_can_leave(void **state)
{
    (void)state;
    assert_settings("broker.ca_file: /a\nenrolment.url: https://est:8085\n", NULL);
    assert_settings("broker.ca_file: /a\n", "needs enrolment.url");
    assert_settings("enrolment.url: https://est:8085\n", "needs broker.ca_file");
    assert_settings("broker.ca_file: /a\nenrolment.url: https://est:8085\nformer_broker.host: a:b@c\n",
                    "a user is not allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_without_a_certificate_uses_the_former_listener_or_waits),
        cmocka_unit_test(a_device_with_a_certificate_uses_the_former_listener_after_a_failure_alone),
        cmocka_unit_test(a_former_listener_is_one_that_the_device_can_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
