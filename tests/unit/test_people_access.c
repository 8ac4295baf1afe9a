/* The table of operations, and the decision. */
#include "orchestrator/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Who may do what, as an operations lead reads it: viewer, operator, approver, auditor, admin, break_glass (b), and a
 * person without a role. Written a second time on purpose. */
static const struct {
    enum access_operation operation;
    const char *allowed;
    enum access_reach reach;
} expected[] = {
    {ACCESS_PUBLIC, "voapdb-", ROLE_IN_ANY_SCOPE},
    {ACCESS_SIGN_IN, "voapdb-", ROLE_IN_ANY_SCOPE},
    {ACCESS_SIGN_OUT, "voapdb-", ROLE_IN_ANY_SCOPE},
    {ACCESS_READ_OWN, "voapdb-", ROLE_IN_ANY_SCOPE},
    {ACCESS_MAKE_OWN_TOKEN, "voapdb-", ROLE_IN_ANY_SCOPE},
    {ACCESS_READ_ROLLOUTS, "voapdb", SHOWN_IN_SCOPE},
    {ACCESS_PREVIEW, "voapdb", PLANS_IN_SCOPE},
    {ACCESS_READ_FLEET, "voapdb", SHOWN_IN_SCOPE},
    {ACCESS_READ_EVENTS, "voapdb", SHOWN_IN_SCOPE},
    {ACCESS_READ_EVIDENCE, "voapdb", ROLLOUT_IN_SCOPE},
    {ACCESS_READ_ARTIFACTS, "voapdb", ROLE_IN_ANY_SCOPE},
    {ACCESS_READ_AFFECTED, "voapdb", SHOWN_IN_SCOPE},
    {ACCESS_READ_INSTALLATION, "voapdb", ROLE_EVERYWHERE},
    {ACCESS_DOWNLOAD, "voapdb", ROLE_IN_ANY_SCOPE},
    {ACCESS_SUBMIT, "o", DEVICES_IN_SCOPE},
    {ACCESS_REVISE, "o", ROLLOUT_IN_SCOPE},
    {ACCESS_OPERATE, "o", ROLLOUT_IN_SCOPE},
    {ACCESS_AMEND, "o", ROLLOUT_IN_SCOPE},
    {ACCESS_PREVIEW_EXCLUSION, "o", DEVICES_IN_SCOPE},
    {ACCESS_EXCLUDE, "o", DEVICES_IN_SCOPE},
    {ACCESS_APPROVE, "p", ROLLOUT_IN_SCOPE},
    {ACCESS_BREAK_GLASS, "b", ROLLOUT_IN_SCOPE},
    {ACCESS_READ_REVIEWS, "voapdb", ROLE_EVERYWHERE},
    {ACCESS_REVIEW, "p", ROLE_EVERYWHERE},
    {ACCESS_RETURN_DEVICE, "od", DEVICES_IN_SCOPE},
    {ACCESS_COLLECT, "o", DEVICES_IN_SCOPE},
    {ACCESS_IMPORT_FLEET, "od", DEVICES_IN_SCOPE},
    {ACCESS_ADD_ARTIFACT, "o", ROLE_EVERYWHERE},
    {ACCESS_BLOCK_VERSION, "od", ROLE_EVERYWHERE},
    {ACCESS_UNBLOCK_VERSION, "op", ROLE_EVERYWHERE},
    {ACCESS_OPEN_LOG, "opa", DEVICES_IN_SCOPE},
    {ACCESS_READ_FREEZES, "voapdb", SHOWN_IN_SCOPE},
    {ACCESS_PREVIEW_FREEZE, "od", DEVICES_IN_SCOPE},
    {ACCESS_FREEZE, "od", DEVICES_IN_SCOPE},
    {ACCESS_LIFT_FREEZE, "op", DEVICES_IN_SCOPE},
    {ACCESS_ENROL_DEVICE, "d", DEVICES_IN_SCOPE},
    {ACCESS_REMOVE_DEVICE, "d", DEVICES_IN_SCOPE},
    {ACCESS_MANAGE_KEYS, "d", ROLE_EVERYWHERE},
    {ACCESS_TEST_WEBHOOK, "d", ROLE_EVERYWHERE},
    {ACCESS_ACCEPT_RESTORED, "d", ROLE_EVERYWHERE},
    {ACCESS_READ_AUDIT, "ad", ROLE_EVERYWHERE},
    {ACCESS_READ_PEOPLE, "ad", ROLE_EVERYWHERE},
    {ACCESS_MANAGE_PEOPLE, "d", ROLE_EVERYWHERE},
};

static const struct {
    char letter;
    unsigned roles;
} kinds[] = {
    {'v', ROLE_BIT(PERSON_VIEWER)},
    {'o', ROLE_BIT(PERSON_OPERATOR)},
    {'p', ROLE_BIT(PERSON_APPROVER)},
    {'a', ROLE_BIT(PERSON_AUDITOR)},
    {'d', ROLE_BIT(PERSON_ADMIN)},
    {'b', ROLE_BIT(PERSON_BREAK_GLASS)},
    {'-', 0},
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
            if ((access_decide(&subject, (enum access_operation)i, NULL, &fault) == TC_OK) != allowed)
                fail_msg("%s, %c: must be %d", access_operation_name((enum access_operation)i), kinds[j].letter,
                         allowed);
        }
    }
}

static const char *role_of(char letter)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].letter == letter && letter != '-')
            return person_role_name((enum person_role)i);
    }
    return NULL;
}

/* Each role in a scope, and each operation: whether it may, and where. */
static void a_role_in_a_scope_reaches_as_far_as_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        enum access_operation operation = (enum access_operation)i;
        assert_int_equal(access_operation_reach(operation), expected[i].reach);
        for (size_t j = 0; j < sizeof kinds / sizeof *kinds; j++) {
            char line[64];
            struct subject subject = {.kind = SUBJECT_PERSON};
            struct access_scope scope = {.patterns = "not set"};
            struct tc_fault fault;
            if (role_of(kinds[j].letter) == NULL)
                continue;
            (void)snprintf(line, sizeof line, "%s {\"region\": \"emea\"}", role_of(kinds[j].letter));
            subject_set_scopes(&subject, line);
            enum tc_error error = access_decide(&subject, operation, &scope, &fault);
            bool is_named = strchr(expected[i].allowed, kinds[j].letter) != NULL;
            bool plans = strchr("op", kinds[j].letter) != NULL, is_of_plans = expected[i].reach == PLANS_IN_SCOPE;
            assert_int_equal(error == TC_OK,
                             is_named && expected[i].reach != ROLE_EVERYWHERE && (plans || !is_of_plans));
            if (is_named && error != TC_OK)
                assert_non_null(strstr(fault.text, is_of_plans ? " everywhere, or operator or approver in a scope"
                                                               : " everywhere, not in a scope"));
            if (error != TC_OK)
                continue;
            bool is_free = expected[i].reach == ROLE_IN_ANY_SCOPE;
            assert_string_equal(scope.patterns, is_free ? "" : "[{\"region\": \"emea\"}]");
            assert_int_equal(access_decide(&subject, operation, NULL, &fault) == TC_OK, is_free);
        }
    }
}

static void the_scopes_of_all_roles_that_may_are_joined_and_a_role_everywhere_ends_them(void **state)
{
    (void)state;
    struct subject subject = {.kind = SUBJECT_PERSON};
    struct access_scope scope;
    struct tc_fault fault;
    subject_set_scopes(&subject,
                       "admin {\"a\": \"1\"}\noperator {\"b\": \"2\"}\nemperor {\"c\": \"3\"}\nviewer {\"d\": \"4\"}");
    assert_int_equal(access_decide(&subject, ACCESS_RETURN_DEVICE, &scope, &fault), TC_OK);
    assert_string_equal(scope.patterns, "[{\"a\": \"1\"},{\"b\": \"2\"}]");
    assert_int_equal(access_decide(&subject, ACCESS_APPROVE, &scope, &fault), TC_DENIED);
    assert_string_equal(fault.text, "needs role approver");
    subject.roles = ROLE_BIT(PERSON_OPERATOR);
    assert_int_equal(access_decide(&subject, ACCESS_RETURN_DEVICE, &scope, &fault), TC_OK);
    assert_string_equal(scope.patterns, "");
    assert_null(access_scope_patterns(&scope));
    subject.kind = SUBJECT_UNKNOWN;
    assert_int_equal(access_decide(&subject, ACCESS_RETURN_DEVICE, &scope, &fault), TC_DENIED);
}

static void scopes_that_do_not_fit_give_nothing(void **state)
{
    (void)state;
    char lines[2 * SUBJECT_SCOPES_SIZE] = "operator {\"a\": \"1\"}\nviewer {\"b\": \"";
    size_t length = strlen(lines);
    memset(lines + length, 'x', SUBJECT_SCOPES_SIZE);
    struct subject subject = {.kind = SUBJECT_PERSON};
    struct access_scope scope;
    struct tc_fault fault;
    subject_set_scopes(&subject, lines);
    assert_int_equal(access_decide(&subject, ACCESS_READ_ROLLOUTS, &scope, &fault), TC_OK);
    assert_string_equal(scope.patterns, "[{\"a\": \"1\"}]");
}

static void a_person_with_several_roles_may_do_what_any_of_them_may(void **state)
{
    (void)state;
    struct tc_fault fault;
    const struct subject both = {.kind = SUBJECT_PERSON, .roles = person_roles_parse("operator approver")};
    assert_int_equal(access_decide(&both, ACCESS_SUBMIT, NULL, &fault), TC_OK);
    assert_int_equal(access_decide(&both, ACCESS_APPROVE, NULL, &fault), TC_OK);
    assert_int_equal(access_decide(&both, ACCESS_MANAGE_PEOPLE, NULL, &fault), TC_DENIED);
    assert_string_equal(fault.text, "needs role admin");
    assert_int_equal(access_decide(&both, ACCESS_READ_PEOPLE, NULL, &fault), TC_DENIED);
    assert_string_equal(fault.text, "needs role auditor or admin");
}

static void an_unknown_subject_may_do_what_is_public_and_is_told_nothing(void **state)
{
    (void)state;
    /* Roles without a name count for nothing. */
    const struct subject nobody = {.kind = SUBJECT_UNKNOWN, .roles = ~0U};
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        struct tc_fault fault;
        bool allowed = access_decide(&nobody, (enum access_operation)i, NULL, &fault) == TC_OK;
        assert_int_equal(allowed, access_operation_is_public((enum access_operation)i));
        assert_true(allowed || strstr(fault.text, "role") == NULL);
    }
}

/* The walk over the acts of each operation goes by these names, too. */
static void the_operations_that_are_not_recorded_are_those_that_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACCESS_OPERATION_COUNT; i++) {
        enum access_operation operation = (enum access_operation)i;
        bool reads = strncmp(access_operation_name(operation), "read_", 5) == 0 || operation == ACCESS_PUBLIC ||
                     operation == ACCESS_PREVIEW || operation == ACCESS_DOWNLOAD;
        if (access_operation_is_recorded(operation) == reads)
            fail_msg("%s: must be %d", access_operation_name(operation), !reads);
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
        assert_int_equal(access_decide(&subject, (enum access_operation)i, NULL, &fault), TC_OK);
}

static void a_role_of_a_later_version_gives_nothing(void **state)
{
    (void)state;
    assert_int_equal(person_roles_parse("viewer emperor  admins admi admin"),
                     ROLE_BIT(PERSON_VIEWER) | ROLE_BIT(PERSON_ADMIN));
    assert_int_equal(person_roles_parse(""), 0);
    const struct subject subject = {.kind = SUBJECT_PERSON, .roles = ~0U & ~63U};
    struct tc_fault fault;
    assert_int_equal(access_decide(&subject, ACCESS_READ_ROLLOUTS, NULL, &fault), TC_DENIED);
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
        cmocka_unit_test(a_role_in_a_scope_reaches_as_far_as_its_row_says),
        cmocka_unit_test(the_scopes_of_all_roles_that_may_are_joined_and_a_role_everywhere_ends_them),
        cmocka_unit_test(scopes_that_do_not_fit_give_nothing),
        cmocka_unit_test(a_person_with_several_roles_may_do_what_any_of_them_may),
        cmocka_unit_test(an_unknown_subject_may_do_what_is_public_and_is_told_nothing),
        cmocka_unit_test(the_operations_that_are_not_recorded_are_those_that_read),
        cmocka_unit_test(loopback_has_every_role),
        cmocka_unit_test(a_role_of_a_later_version_gives_nothing),
        cmocka_unit_test(plans_come_by_three_endpoints_and_everything_else_by_http),
        cmocka_unit_test(who_signs_in_is_named_by_issuer_and_subject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
