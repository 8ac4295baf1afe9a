#include "orchestrator/access/access.h"

#include <stdio.h>
#include <string.h>

#define VIEWERS ROLE_BIT(PERSON_VIEWER)
#define OPERATORS ROLE_BIT(PERSON_OPERATOR)
#define APPROVERS ROLE_BIT(PERSON_APPROVER)
#define AUDITORS ROLE_BIT(PERSON_AUDITOR)
#define ADMINS ROLE_BIT(PERSON_ADMIN)
#define BREAKERS ROLE_BIT(PERSON_BREAK_GLASS)
#define EVERY_ROLE (VIEWERS | OPERATORS | APPROVERS | AUDITORS | ADMINS | BREAKERS)
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

static const char *const outcome_names[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define ACT_OUTCOME(constant, name) [constant] = name,
#include "orchestrator/access/vocabulary.def"
};

/* Those that change nothing. Each other one is recorded, so that a new one cannot be forgotten. */
static const enum access_operation only_read[] = {
    ACCESS_PUBLIC,         ACCESS_READ_OWN,          ACCESS_READ_ROLLOUTS,
    ACCESS_PREVIEW,        ACCESS_READ_FLEET,        ACCESS_READ_INSTALLATION,
    ACCESS_DOWNLOAD,       ACCESS_READ_PEOPLE,       ACCESS_READ_EVIDENCE,
    ACCESS_READ_ARTIFACTS, ACCESS_READ_AFFECTED,     ACCESS_READ_AUDIT,
    ACCESS_READ_REVIEWS,   ACCESS_READ_FREEZES,      ACCESS_PREVIEW_FREEZE,
    ACCESS_READ_EVENTS,    ACCESS_PREVIEW_EXCLUSION,
};

static const struct operation_row {
    const char *name;
    unsigned endpoints, roles;
    enum access_reach reach;
    const char *words;
} operations[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define ACCESS_OPERATION(constant, name, endpoints, roles, reach, words)                                               \
    [constant] = {name, endpoints, roles, reach, words},
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

bool person_role_takes_two(enum person_role role)
{
    return (ROLE_BIT(role) & (APPROVERS | ADMINS | BREAKERS)) != 0;
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

enum tc_error alias_refuse(enum alias_kind kind, const char *value, struct tc_fault *fault)
{
    bool is_oidc = kind == ALIAS_OIDC;
    const char *quote = is_oidc ? "'" : "";
    return tc_fault_set(fault, TC_DENIED, "%s %s is linked to no person: %s: tellercast person link PERSON %s %s%s%s",
                        alias_kind_name(kind), value, is_oidc ? "two admins link it" : "an admin links it",
                        alias_kind_name(kind), quote, value, quote);
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

enum access_reach access_operation_reach(enum access_operation operation)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    return operations[operation].reach;
}

const char *access_reach_name(enum access_reach reach)
{
    static const char *const names[] = {
        [ROLE_EVERYWHERE] = "everywhere",        [ROLE_IN_ANY_SCOPE] = "any scope",
        [SHOWN_IN_SCOPE] = "shown in scope",     [ROLLOUT_IN_SCOPE] = "rollout in scope",
        [DEVICES_IN_SCOPE] = "devices in scope", [PLANS_IN_SCOPE] = "plans in scope",
    };
    TC_CHECK(reach < sizeof names / sizeof *names);
    return names[reach];
}

bool access_operation_is_recorded(enum access_operation operation)
{
    for (size_t i = 0; i < sizeof only_read / sizeof *only_read; i++) {
        if (only_read[i] == operation)
            return false;
    }
    return true;
}

const char *act_outcome_name(enum act_outcome outcome)
{
    TC_CHECK(outcome < ACT_OUTCOME_COUNT);
    return outcome_names[outcome];
}

static unsigned roles_in_scope(const struct operation_row *row)
{
    return row->reach == PLANS_IN_SCOPE ? row->roles & (OPERATORS | APPROVERS) : row->roles;
}

static void put_roles(unsigned roles, struct buffer *out)
{
    if ((roles & NOBODY) != 0)
        buffer_put_text(out, "everybody");
    else if ((roles & NO_ROLE) != 0)
        buffer_put_text(out, "every person");
    else
        person_roles_put(roles, " or ", out);
}

void access_operation_put_roles(enum access_operation operation, struct buffer *out)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    put_roles(operations[operation].roles, out);
}

void access_operation_put_scoped_roles(enum access_operation operation, struct buffer *out)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    put_roles(roles_in_scope(&operations[operation]), out);
}

void subject_set_loopback(struct subject *subject)
{
    *subject = (struct subject){.kind = SUBJECT_LOOPBACK, .roles = EVERY_ROLE};
    (void)snprintf(subject->name, sizeof subject->name, "%s", ACTOR_LOOPBACK);
    (void)snprintf(subject->credential, sizeof subject->credential, "none");
}

void subject_set_scopes(struct subject *subject, const char *scopes)
{
    size_t kept = 0;
    for (size_t at = 0; scopes[at] != '\0';) {
        size_t length = strcspn(scopes + at, "\n");
        at += length + (scopes[at + length] == '\n');
        if (at < sizeof subject->scopes)
            kept = at;
    }
    memcpy(subject->scopes, scopes, kept);
    subject->scopes[kept] = '\0';
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

/* Whether a line of subject->scopes is of one of the roles; then `*labels` is what follows the role. */
static bool is_of_role(const char *line, size_t length, unsigned roles, const char **labels)
{
    for (enum person_role role = 0; role < PERSON_ROLE_COUNT; role++) {
        size_t named = strlen(role_names[role]);
        if ((roles & ROLE_BIT(role)) != 0 && length > named && line[named] == ' ' &&
            strncmp(line, role_names[role], named) == 0) {
            *labels = line + named + 1;
            return true;
        }
    }
    return false;
}

/* Returns whether one of the roles counts in a scope. The array is never longer than the lines. */
static bool find_scopes(const struct subject *subject, unsigned roles, char patterns[static SUBJECT_SCOPES_SIZE])
{
    size_t used = 0, length;
    const char *line = subject->kind == SUBJECT_PERSON ? subject->scopes : "", *labels;
    for (; *line != '\0'; line += length + (line[length] == '\n')) {
        length = strcspn(line, "\n");
        if (!is_of_role(line, length, roles, &labels))
            continue;
        size_t wanted = length - (size_t)(labels - line);
        if (memmem(patterns, used, labels, wanted) != NULL)
            continue; /* another role has it */
        patterns[used] = used == 0 ? '[' : ',';
        memcpy(patterns + used + 1, labels, wanted);
        used += 1 + wanted;
    }
    if (used > 0)
        patterns[used++] = ']';
    patterns[used] = '\0';
    return used > 0;
}

static enum tc_error refuse(const struct subject *subject, enum access_operation operation, const char *where,
                            struct tc_fault *fault)
{
    if (subject->kind == SUBJECT_UNKNOWN)
        return tc_fault_set(fault, TC_DENIED, "denied");
    struct buffer roles = {0};
    access_operation_put_roles(operation, &roles);
    (void)tc_fault_set(fault, TC_DENIED, "needs role %s%s", buffer_text(&roles), where);
    buffer_free(&roles);
    return TC_DENIED;
}

/* For somebody who has a role of the operation in a scope, where it does not suffice: names those that would. */
static enum tc_error refuse_in_scope(const struct subject *subject, enum access_operation operation,
                                     struct tc_fault *fault)
{
    struct buffer where = {0};
    buffer_put_text(&where, " everywhere, or ");
    access_operation_put_scoped_roles(operation, &where);
    buffer_put_text(&where, " in a scope");
    enum tc_error error = refuse(subject, operation, buffer_text(&where), fault);
    buffer_free(&where);
    return error;
}

enum tc_error access_decide(const struct subject *subject, enum access_operation operation, struct access_scope *scope,
                            struct tc_fault *fault)
{
    TC_CHECK(operation < ACCESS_OPERATION_COUNT);
    const struct operation_row *row = &operations[operation];
    struct access_scope found = {.operation = operation};
    bool is_everywhere = (row->roles & roles_of(subject)) != 0;
    if (!is_everywhere && !find_scopes(subject, roles_in_scope(row), found.patterns))
        return find_scopes(subject, row->roles, found.patterns) ? refuse_in_scope(subject, operation, fault)
                                                                : refuse(subject, operation, "", fault);
    if (is_everywhere || row->reach == ROLE_IN_ANY_SCOPE)
        found.patterns[0] = '\0';
    else if (row->reach == ROLE_EVERYWHERE || scope == NULL)
        return refuse(subject, operation, " everywhere, not in a scope", fault);
    if (scope != NULL)
        *scope = found;
    return TC_OK;
}

enum tc_error access_refuse_changed(const struct subject *subject, struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_CONFLICT, "what %s may do has just been changed: send it again", subject->name);
}

const char *access_scope_patterns(const struct access_scope *scope)
{
    return scope == NULL || scope->patterns[0] == '\0' ? NULL : scope->patterns;
}
