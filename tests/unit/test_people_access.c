/* The table of operations, and the decision. */
#include "orchestrator/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Who may do what, as an operations lead reads it: viewer, operator, approver, auditor, admin, and a person without a
 * role. Written a second time on purpose. */
static const struct {
    enum access_operation operation;
    const char *allowed;
} expected[] = {
    {ACCESS_PUBLIC, "voapd-"},
    {ACCESS_SIGN_IN, "voapd-"},
    {ACCESS_SIGN_OUT, "voapd-"},
    {ACCESS_READ_OWN, "voapd-"},
    {ACCESS_MAKE_OWN_TOKEN, "voapd-"},
    {ACCESS_READ_ROLLOUTS, "voapd"},
    {ACCESS_PREVIEW, "voapd"},
    {ACCESS_READ_FLEET, "voapd"},
    {ACCESS_READ_INSTALLATION, "voapd"},
    {ACCESS_DOWNLOAD, "voapd"},
    {ACCESS_SUBMIT, "o"},
    {ACCESS_REVISE, "o"},
    {ACCESS_OPERATE, "o"},
    {ACCESS_APPROVE, "p"},
    {ACCESS_RETURN_DEVICE, "od"},
    {ACCESS_IMPORT_FLEET, "od"},
    {ACCESS_ADD_ARTIFACT, "o"},
    {ACCESS_BLOCK_VERSION, "od"},
    {ACCESS_UNBLOCK_VERSION, "op"},
    {ACCESS_ENROL_DEVICE, "d"},
    {ACCESS_REMOVE_DEVICE, "d"},
    {ACCESS_MANAGE_KEYS, "d"},
    {ACCESS_ACCEPT_RESTORED, "d"},
    {ACCESS_READ_PEOPLE, "ad"},
    {ACCESS_MANAGE_PEOPLE, "d"},
};

static const struct {
    char letter;
    unsigned roles;
} kinds[] = {
    {'v', ROLE_BIT(PERSON_VIEWER)},  {'o', ROLE_BIT(PERSON_OPERATOR)}, {'p', ROLE_BIT(PERSON_APPROVER)},
    {'a', ROLE_BIT(PERSON_AUDITOR)}, {'d', ROLE_BIT(PERSON_ADMIN)},    {'-', 0},
};

static void each_role_may_do_what_its_row_says_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(sizeof expected / sizeof *expected, ACCESS_OPERATION_COUNT);
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        assert_int_equal(expected[i].operation, i);
        for (size_t j = 0; j < sizeof kinds / sizeof *kinds; j++) {
            const struct subject subject = {.kind = SUBJECT_PERSON, .roles = kinds[j].roles};
            struct tc_fault fault;
            bool allowed = strchr(expected[i].allowed, kinds[j].letter) != NULL;
            if ((access_decide(&subject, (enum access_operation)i, &fault) == TC_OK) != allowed)
                fail_msg("%s, %c: must be %d", access_operation_name((enum access_operation)i), kinds[j].letter,
                         allowed);
        }
    }
}

static void a_person_with_several_roles_may_do_what_any_of_them_may(void **state)
{
    (void)state;
    struct tc_fault fault;
    const struct subject both = {.kind = SUBJECT_PERSON, .roles = person_roles_parse("operator approver")};
    assert_int_equal(access_decide(&both, ACCESS_SUBMIT, &fault), TC_OK);
    assert_int_equal(access_decide(&both, ACCESS_APPROVE, &fault), TC_OK);
    assert_int_equal(access_decide(&both, ACCESS_MANAGE_PEOPLE, &fault), TC_DENIED);
    assert_string_equal(fault.text, "needs role admin");
    assert_int_equal(access_decide(&both, ACCESS_READ_PEOPLE, &fault), TC_DENIED);
    assert_string_equal(fault.text, "needs role auditor or admin");
}

static void an_unknown_subject_may_do_what_is_public_and_is_told_nothing(void **state)
{
    (void)state;
    /* Roles without a name count for nothing. */
    const struct subject nobody = {.kind = SUBJECT_UNKNOWN, .roles = ~0U};
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        struct tc_fault fault;
        bool allowed = access_decide(&nobody, (enum access_operation)i, &fault) == TC_OK;
        assert_int_equal(allowed, access_operation_is_public((enum access_operation)i));
        assert_true(allowed || strstr(fault.text, "role") == NULL);
    }
}

static void loopback_has_every_role(void **state)
{
    (void)state;
    struct subject subject;
    struct tc_fault fault;
    subject_set_loopback(&subject);
    assert_string_equal(subject.name, "loopback");
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++)
        assert_int_equal(access_decide(&subject, (enum access_operation)i, &fault), TC_OK);
}

static void a_role_of_a_later_version_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(person_roles_parse("viewer emperor  admins admi admin"),
                     ROLE_BIT(PERSON_VIEWER) | ROLE_BIT(PERSON_ADMIN));
    assert_int_equal(person_roles_parse(""), 0);
    const struct subject subject = {.kind = SUBJECT_PERSON, .roles = ~0U & ~31U};
    struct tc_fault fault;
    assert_int_equal(access_decide(&subject, ACCESS_READ_ROLLOUTS, &fault), TC_DENIED);
}

static void plans_come_by_three_endpoints_and_everything_else_by_http(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        enum access_operation operation = (enum access_operation)i;
        assert_true(access_operation_is_at(operation, AT_HTTP));
        assert_int_equal(access_operation_is_at(operation, AT_MQTT), operation == ACCESS_SUBMIT);
        assert_int_equal(access_operation_is_at(operation, AT_SOCKET), operation == ACCESS_SUBMIT);
    }
}

static void who_signs_in_is_named_by_issuer_and_subject(void **state)
{
    (void)state;
    static const char *const good[] = {"https://idp.example#ann", "http://127.0.0.1:8080/realm#auth0|5f7c",
                                       "https://i#a#b"};
    static const char *const bad[] = {"",
                                      "ann",
                                      "https://idp.example",
                                      "https://idp.example#",
                                      "ldap://idp#ann",
                                      "https://idp#a b",
                                      "https://idp#a'b",
                                      "https://idp#a\"b",
                                      "https://idp#a\\b",
                                      "https://idp#a`b",
                                      "https://idp#a$b",
                                      "https://idp#a\nb",
                                      "https://idp#\xc3\xa4"};
    char text[ALIAS_VALUE_SIZE + 1] = "https://i#";
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(alias_value_is_valid(ALIAS_OIDC, good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(alias_value_is_valid(ALIAS_OIDC, bad[i]));
    memset(text + strlen(text), 'a', sizeof text - 1 - strlen(text));
    assert_false(alias_value_is_valid(ALIAS_OIDC, text));
    text[ALIAS_VALUE_SIZE - 1] = '\0';
    assert_true(alias_value_is_valid(ALIAS_OIDC, text));
    assert_false(alias_value_is_valid(ALIAS_UNIX_USER, "https://idp.example#ann"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_may_do_what_its_row_says_and_nothing_else),
        cmocka_unit_test(a_person_with_several_roles_may_do_what_any_of_them_may),
        cmocka_unit_test(an_unknown_subject_may_do_what_is_public_and_is_told_nothing),
        cmocka_unit_test(loopback_has_every_role),
        cmocka_unit_test(a_role_of_a_later_version_gives_nothing),
        cmocka_unit_test(plans_come_by_three_endpoints_and_everything_else_by_http),
        cmocka_unit_test(who_signs_in_is_named_by_issuer_and_subject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
