#include "tests/unit/people_stubs.h"

#include <stdio.h>
#include <string.h>

bool people_stub_is_lost;
char people_stub_recorded[RECORDED_SIZE];
int people_stub_recorded_count;

void recorder_refuse(struct recorder *recorder, struct act *act)
{
    (void)recorder;
    if (act == NULL || act->is_recorded)
        return;
    act->is_recorded = true;
    people_stub_recorded_count++;
    (void)snprintf(people_stub_recorded, sizeof people_stub_recorded, "%s %s %s/%s %s: %s", act->person, act->verb,
                   act->object_kind, act->object, act_outcome_name(act->outcome), act->refusal);
}

void recorder_refuse_unknown(struct recorder *recorder, const char *endpoint, const char *address, const char *name,
                             const char *verb, const char *refusal)
{
    (void)recorder, (void)endpoint, (void)address;
    people_stub_recorded_count++;
    (void)snprintf(people_stub_recorded, sizeof people_stub_recorded, "?%s %s / refused: %s", name, verb, refusal);
}

static const struct {
    const char *name;
    unsigned roles;
    const char *scopes;
} stub_people[] = {
    {"ann", ROLE_BIT(PERSON_OPERATOR) | ROLE_BIT(PERSON_APPROVER) | ROLE_BIT(PERSON_ADMIN), ""},
    {"vic", ROLE_BIT(PERSON_VIEWER), ""},
    {"oda", ROLE_BIT(PERSON_OPERATOR), ""},
    {"apu", ROLE_BIT(PERSON_APPROVER), ""},
    {"aud", ROLE_BIT(PERSON_AUDITOR), ""},
    {"adm", ROLE_BIT(PERSON_ADMIN), ""},
    {"non", 0, ""},
    {"reg", 0,
     "admin {\"region\": \"emea\"}\napprover {\"region\": \"emea\"}\nauditor {\"region\": \"emea\"}\n"
     "operator {\"region\": \"emea\"}\nviewer {\"region\": \"emea\"}"},
    {"odr", 0, "operator {\"region\": \"emea\"}\noperator {\"site\": \"branch\", \"region\": \"apac\"}"},
};

static enum tc_error find(const char *name, struct subject *subject, struct tc_fault *fault)
{
    if (people_stub_is_lost)
        return tc_fault_set(fault, TC_UNAVAILABLE, "it cannot be checked now who you are");
    for (size_t i = 0; i < sizeof stub_people / sizeof *stub_people; i++) {
        if (strcmp(stub_people[i].name, name) != 0)
            continue;
        *subject = (struct subject){.kind = SUBJECT_PERSON, .roles = stub_people[i].roles};
        subject_set_scopes(subject, stub_people[i].scopes);
        (void)snprintf(subject->name, sizeof subject->name, "%s", name);
        return TC_OK;
    }
    return tc_fault_set(fault, TC_DENIED, "%s is linked to no person", name);
}

enum tc_error people_find_token(struct people *people, const char *token, const char *address, struct subject *subject,
                                struct tc_fault *fault)
{
    static const char prefix[] = "secret-of-";
    (void)people;
    TC_CHECK(address != NULL);
    bool has_prefix = strncmp(token, prefix, sizeof prefix - 1) == 0;
    return find(has_prefix ? token + sizeof prefix - 1 : "", subject, fault);
}

enum tc_error people_find_session(struct people *people, const char *secret, struct subject *subject,
                                  struct tc_fault *fault)
{
    (void)people, (void)secret;
    return find("", subject, fault);
}

enum tc_error people_find_alias(struct people *people, enum alias_kind kind, const char *value, struct subject *subject,
                                struct tc_fault *fault)
{
    (void)people;
    TC_CHECK(kind != ALIAS_AUTHOR);
    return find(value, subject, fault);
}

void people_await_reading(struct people *people)
{
    (void)people;
}
