#include "orchestrator/access/access.h"

#include <stdio.h>
#include <string.h>

#define VIEWERS ROLE_BIT(PERSON_VIEWER)
#define OPERATORS ROLE_BIT(PERSON_OPERATOR)
#define APPROVERS ROLE_BIT(PERSON_APPROVER)
#define AUDITORS ROLE_BIT(PERSON_AUDITOR)
#define ADMINS ROLE_BIT(PERSON_ADMIN)
#define EVERY_ROLE (VIEWERS | OPERATORS | APPROVERS | AUDITORS | ADMINS)
/* Beyond the roles: a person who has none, and whoever asks. */
#define NO_ROLE ROLE_BIT(PERSON_ROLE_COUNT)
#define NOBODY ROLE_BIT(PERSON_ROLE_COUNT + 1)
#define EVERY_PERSON (EVERY_ROLE | NO_ROLE)
#define EVERYBODY (EVERY_PERSON | NOBODY)

static const char *const role_names[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define PERSON_ROLE(constant, name) [constant] = name,
#include "orchestrator/access/vocabulary.def"
};

static const char *const kind_names[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define ALIAS_KIND(constant, name) [constant] = name,
#include "orchestrator/access/vocabulary.def"
};

static const struct operation_row {
    const char *name;
    unsigned endpoints, roles;
    const char *words;
} operations[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define ACCESS_OPERATION(constant, name, endpoints, roles, words) [constant] = {name, endpoints, roles, words},
#include "orchestrator/access/operations.def"
};

/* NOLINTNEXTLINE(bugprone-macro-parentheses): what is defined is a name */
#define SUBJECT_NAME(constant, name) const char constant[] = name;
#include "orchestrator/access/vocabulary.def"

const char *person_role_name(enum person_role role)
{
    TC_CHECK(role < PERSON_ROLE_COUNT);
    return role_names[role];
}

bool person_role_parse(const char *name, enum person_role *role)
{
    for (*role = 0; *role < PERSON_ROLE_COUNT; (*role)++) {
        if (strcmp(role_names[*role], name) == 0)
            return true;
    }
    return false;
}

unsigned person_roles_parse(const char *names)
{
    unsigned roles = 0;
    while (*names != '\0') {
        size_t length = strcspn(names, " ");
        for (enum person_role role = 0; role < PERSON_ROLE_COUNT; role++) {
            if (strlen(role_names[role]) == length && strncmp(role_names[role], names, length) == 0)
                roles |= ROLE_BIT(role);
        }
        names += length + (names[length] == ' ');
    }
    return roles;
}

void person_roles_put(unsigned roles, const char *between, struct buffer *out)
{
    const char *before = "";
    for (enum person_role role = 0; role < PERSON_ROLE_COUNT; role++) {
        if ((roles & ROLE_BIT(role)) == 0)
            continue;
        buffer_format(out, "%s%s", before, role_names[role]);
        before = between;
    }
}

const char *alias_kind_name(enum alias_kind kind)
{
    TC_CHECK(kind < ALIAS_KIND_COUNT);
    return kind_names[kind];
}

bool alias_kind_parse(const char *name, enum alias_kind *kind)
{
    for (*kind = 0; *kind < ALIAS_KIND_COUNT; (*kind)++) {
        if (strcmp(kind_names[*kind], name) == 0)
            return true;
    }
    return false;
}

/* The signs of an alias are harmless inside quotes of a shell, since refusals tell people to copy them. */
static bool is_issuer_and_subject(const char *value)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/@%+=|,#";
    const char *subject = strchr(value, '#');
    bool is_url = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
    return is_url && subject != NULL && subject[1] != '\0' && strlen(value) < ALIAS_VALUE_SIZE &&
           value[strspn(value, allowed)] == '\0';
}

bool alias_value_is_valid(enum alias_kind kind, const char *value)
{
    if (kind == ALIAS_OIDC)
        return is_issuer_and_subject(value);
    return kind == ALIAS_CERTIFICATE ? id_is_valid(value, strlen(value)) : name_is_valid(value, strlen(value));
}

const char *alias_value_words(enum alias_kind kind)
{
    switch (kind) {
    case ALIAS_CERTIFICATE: return "1 to 64 of A-Z a-z 0-9 _ -";
    case ALIAS_OIDC: return "the URL of the issuer, #, and sub, of A-Z a-z 0-9 - . _ ~ : / @ % + = | , #";
    case ALIAS_UNIX_USER:
    case ALIAS_MQTT_USER:
    case ALIAS_AUTHOR:
    case ALIAS_KIND_COUNT: break;
    }
    return "1 to 64 of A-Z a-z 0-9 _ - . : +";
}

const char *access_operation_name(enum access_operation operation)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    return operations[operation].name;
}

const char *access_operation_words(enum access_operation operation)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    return operations[operation].words;
}

bool access_operation_is_at(enum access_operation operation, unsigned endpoint)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    return (operations[operation].endpoints & endpoint) != 0;
}

bool access_operation_is_public(enum access_operation operation)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    return (operations[operation].roles & NOBODY) != 0;
}

void access_operation_put_roles(enum access_operation operation, struct buffer *out)
{
    unsigned roles = operations[operation].roles;
    if ((roles & NOBODY) != 0)
        buffer_put_text(out, "everybody");
    else if ((roles & NO_ROLE) != 0)
        buffer_put_text(out, "every person");
    else
        person_roles_put(roles, " or ", out);
}

void subject_set_loopback(struct subject *subject)
{
    *subject = (struct subject){.kind = SUBJECT_LOOPBACK, .roles = EVERY_ROLE};
    (void)snprintf(subject->name, sizeof subject->name, "%s", ACTOR_LOOPBACK);
    (void)snprintf(subject->credential, sizeof subject->credential, "none");
}

static unsigned roles_of(const struct subject *subject)
{
    switch (subject->kind) {
    case SUBJECT_PERSON:
    case SUBJECT_LOOPBACK: return (subject->roles & EVERY_ROLE) | NO_ROLE | NOBODY;
    case SUBJECT_UNKNOWN: break;
    }
    return NOBODY;
}

enum tc_error access_decide(const struct subject *subject, enum access_operation operation, struct tc_fault *fault)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    if ((operations[operation].roles & roles_of(subject)) != 0)
        return TC_OK;
    if (subject->kind == SUBJECT_UNKNOWN)
        return tc_fault_set(fault, TC_DENIED, "denied");
    struct buffer roles = {0};
    access_operation_put_roles(operation, &roles);
    (void)tc_fault_set(fault, TC_DENIED, "needs role %s", buffer_text(&roles));
    buffer_free(&roles);
    return TC_DENIED;
}
