/* People: who may act, by which credentials, in which roles. docs/security.md.
 *
 * What makes somebody an approver or an admin, and what lets somebody else act as one, takes two admins: the first
 * orders it, and it waits until a second one orders the same. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PEOPLE_H
#define TELLERCAST_ORCHESTRATOR_STORE_PEOPLE_H

#include "base/buffer.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A token's public part, and its SHA-256 in lower-case hexadecimal. */
#define TOKEN_ID_SIZE 13
#define TOKEN_DIGEST_SIZE 65

/* ---- for each orchestrator's table of people ---- */

/* Reads the version that is committed, and the database's time. */
enum tc_error people_read_version(struct store *store, int64_t *version, int64_t *now_ms, struct tc_fault *fault);

/* By what an endpoint knows a person. The texts are valid during the call of `take`. */
struct known_credential {
    bool is_token;        /* or a session */
    bool is_session;      /* likewise a token, but in a browser's cookie */
    enum alias_kind kind; /* of an alias */
    const char *value;    /* of a token: its digest */
    const char *id;       /* of a token; NULL */
    const char *person;
    unsigned roles;     /* that count everywhere */
    const char *scopes; /* as struct subject has them */
    int64_t expires_ms; /* of a token */
};
enum tc_error people_read_credentials(struct store *store,
                                      void (*take)(void *context, const struct known_credential *credential),
                                      void *context, struct tc_fault *fault);

struct token_use {
    char id[TOKEN_ID_SIZE], address[64];
    int64_t used_ms;
};
enum tc_error people_write_uses(struct store *store, const struct token_use *uses, size_t count,
                                struct tc_fault *fault);

/* ---- for operators. Each appends a JSON document. TC_NOT_FOUND, TC_CONFLICT and TC_DENIED have a refusal ---- */

/* What an act on a person is about. */
struct person_act {
    const char *person, *actor;
    enum person_role role; /* of people_grant and people_withdraw */
    /* Where the role counts, as scope_text_parse writes it; "{}": everywhere. people_withdraw: NULL: wherever it does.
     */
    const char *scope;
    enum alias_kind kind; /* of people_link and people_unlink */
    const char *alias;
};
/* Appends the person. `*waits`: for a second admin. */
typedef enum tc_error act_on_person(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                                    struct refusal *refusal, struct tc_fault *fault);
act_on_person people_create;
/* Withdraws all its roles, and revokes its tokens. */
act_on_person people_disable;
act_on_person people_enable;
/* A grant within a scope in which the person has the role narrows the role to it. */
act_on_person people_grant;
act_on_person people_withdraw;
act_on_person people_link;
act_on_person people_unlink;

enum tc_error people_list(struct store *store, const char *after, int limit, struct buffer *json,
                          struct tc_fault *fault);
/* TC_NOT_FOUND. */
enum tc_error people_show(struct store *store, const char *person, struct buffer *json, struct tc_fault *fault);

#endif
