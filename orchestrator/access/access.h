/* Who may do what: the roles of people, the operations, and the decision. Pure; any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_ACCESS_ACCESS_H
#define TELLERCAST_ORCHESTRATOR_ACCESS_ACCESS_H

#include "base/buffer.h"
#include "base/fault.h"
#include "base/id.h"

#include <stdbool.h>
#include <stdint.h>

enum person_role {
#define PERSON_ROLE(constant, name) constant,
#include "orchestrator/access/vocabulary.def"
    PERSON_ROLE_COUNT,
};

/* A set of roles has the bit of each. */
#define ROLE_BIT(role) (1U << (role))

/* Holds the names of all roles, joined by " or ", with the NUL. */
enum {
    PERSON_ROLES_SIZE = sizeof(""
#define PERSON_ROLE(constant, name) name " or "
#include "orchestrator/access/vocabulary.def"
                               )
};

const char *person_role_name(enum person_role role);
bool person_role_parse(const char *name, enum person_role *role);
/* The set that a text of names joined by spaces has. Ignores what is no role of this version. */
unsigned person_roles_parse(const char *names);
/* Whether giving it takes two admins: it approves, grants, or goes without approvals. */
bool person_role_takes_two(enum person_role role);
/* Appends the names of a set, joined by `between`. */
void person_roles_put(unsigned roles, const char *between, struct buffer *out);

/* With the NUL; and the longest issuer in one of the kind ALIAS_OIDC. */
#define ALIAS_VALUE_SIZE 512
#define PROVIDER_ISSUER_MAX 255

enum alias_kind {
#define ALIAS_KIND(constant, name) constant,
#include "orchestrator/access/vocabulary.def"
    ALIAS_KIND_COUNT,
};

const char *alias_kind_name(enum alias_kind kind);
bool alias_kind_parse(const char *name, enum alias_kind *kind);
/* Whether a text may be an alias of that kind. */
bool alias_value_is_valid(enum alias_kind kind, const char *value);
/* What is allowed, in words. */
const char *alias_value_words(enum alias_kind kind);
/* TC_DENIED, with what an admin must do so that an alias is a person's. */
enum tc_error alias_refuse(enum alias_kind kind, const char *value, struct tc_fault *fault);

/* What is answered to whoever has no token, one that is nobody's, or one that counts no more. */
#define TOKEN_NEEDED "a valid bearer token must be given: \"Authorization: Bearer tc_…\""

enum access_operation {
#define ACCESS_OPERATION(constant, name, endpoints, roles, reach, what) constant,
#include "orchestrator/access/operations.def"
    ACCESS_OPERATION_COUNT,
};

/* Endpoints: bits of a set. */
enum { AT_HTTP = 1, AT_MQTT = 2, AT_SOCKET = 4 };

/* How far a role in a scope reaches; operations.def explains them. */
enum access_reach {
    ROLE_EVERYWHERE,
    ROLE_IN_ANY_SCOPE,
    SHOWN_IN_SCOPE,
    ROLLOUT_IN_SCOPE,
    DEVICES_IN_SCOPE,
    PLANS_IN_SCOPE,
};

const char *access_reach_name(enum access_reach reach); /* "everywhere" */

const char *access_operation_name(enum access_operation operation);
const char *access_operation_words(enum access_operation operation); /* what it is */
bool access_operation_is_at(enum access_operation operation, unsigned endpoint);
bool access_operation_is_public(enum access_operation operation);
enum access_reach access_operation_reach(enum access_operation operation);
/* Whether it changes something, so that the record of acts has each time that it was done or refused. One that only
 * reads is there when its person may not do it. */
bool access_operation_is_recorded(enum access_operation operation);
/* Appends who may do it: "operator or admin"; "every person"; "everybody". */
void access_operation_put_roles(enum access_operation operation, struct buffer *out);
/* The same of the roles that suffice in a scope. */
void access_operation_put_scoped_roles(enum access_operation operation, struct buffer *out);

enum act_outcome {
#define ACT_OUTCOME(constant, name) constant,
#include "orchestrator/access/vocabulary.def"
    ACT_OUTCOME_COUNT,
};

const char *act_outcome_name(enum act_outcome outcome);

enum subject_kind {
    SUBJECT_UNKNOWN,
    SUBJECT_PERSON,
    SUBJECT_LOOPBACK, /* a local peer without credentials, under insecure_loopback: ACTOR_LOOPBACK, with every role */
};

/* NOLINTNEXTLINE(bugprone-macro-parentheses): what is defined is a name */
#define SUBJECT_NAME(constant, name) extern const char constant[];
#include "orchestrator/access/vocabulary.def"

/* With the NUL. A grant that would need more is refused. */
#define SUBJECT_SCOPES_SIZE 2048

/* Who acts. */
struct subject {
    enum subject_kind kind;
    unsigned roles;       /* that count everywhere */
    unsigned given_roles; /* those of them that a JWT of the identity provider gave */
    /* The roles that count in a scope, as lines: `operator {"region": "emea"}`. A device is in the scope when it has
     * all labels of one of the lines. */
    char scopes[SUBJECT_SCOPES_SIZE];
    char name[TC_ID_SIZE];                  /* of the person, as tables have it; "": unknown */
    char credential[ALIAS_VALUE_SIZE + 16]; /* by which it is known: "token 3f0c…", "unix_user ann" */
    int64_t version;                        /* of the tables of people that it is from */
};

/* The subject of a local peer without credentials. */
void subject_set_loopback(struct subject *subject);

/* Sets the roles that count in a scope. Lines that do not fit are left out. */
void subject_set_scopes(struct subject *subject, const char *scopes);

/* Where a subject may do an operation. */
struct access_scope {
    enum access_operation operation;
    /* The labels of each scope, as a JSON array: `[{"region": "emea"}]`. "": everywhere, or the operation touches and
     * shows no device. */
    char patterns[SUBJECT_SCOPES_SIZE];
};

/* TC_OK, or TC_DENIED with "needs role approver" for a known subject, and with nothing of use for an unknown one.
 * Fills `scope`: who carries out the operation must keep to it. NULL: a role that counts in a scope does not suffice,
 * unless the operation touches and shows no device. */
enum tc_error access_decide(const struct subject *subject, enum access_operation operation, struct access_scope *scope,
                            struct tc_fault *fault);

/* TC_CONFLICT: what the subject may do was changed while it was done. */
enum tc_error access_refuse_changed(const struct subject *subject, struct tc_fault *fault);

/* The patterns for the store; NULL: everywhere. `scope` NULL: everywhere. */
const char *access_scope_patterns(const struct access_scope *scope);

#endif
