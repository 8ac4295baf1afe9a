/* The tokens of people, the first admin, and the files of tokens of the version before. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_TOKENS_H
#define TELLERCAST_ORCHESTRATOR_STORE_TOKENS_H

#include "orchestrator/store/people.h"

/* Most valid tokens of a person. */
#define TOKENS_MAX 20
/* Most tokens that a person gets within a day, and how long those stay in the table that count no more. */
#define TOKENS_A_DAY 30
#define TOKEN_KEPT_DAYS 90

struct new_token {
    const char *id, *digest, *person, *actor;
    int64_t valid_s;
};
/* `*waits`: it counts once another admin confirms it, since the person may approve, and is not the actor. */
enum tc_error tokens_create(struct store *store, const struct new_token *token, char expires_at[static 32], bool *waits,
                            struct refusal *refusal, struct tc_fault *fault);

/* Act on a token as a person who may revoke and confirm all, or (`own_only`) as one who knows only its own. Each
 * appends
 * {"token":…,"person":…}. */
struct token_act {
    const char *id, *actor;
    bool own_only;
};
enum tc_error tokens_revoke(struct store *store, const struct token_act *act, struct buffer *json,
                            struct refusal *refusal, struct tc_fault *fault);
enum tc_error tokens_confirm(struct store *store, const struct token_act *act, struct buffer *json,
                             struct refusal *refusal, struct tc_fault *fault);
/* A page of the tokens of `person`; "": of all people. */
enum tc_error tokens_list(struct store *store, const char *person, const char *after, int limit, struct buffer *json,
                          struct tc_fault *fault);

/* Makes an admin, with a token, while fewer than two admins have a valid one. The actor of `token` counts as a second
 * admin. TC_CONFLICT: two do. */
enum tc_error people_make_admin(struct store *store, const struct new_token *token, char expires_at[static 32],
                                struct refusal *refusal, struct tc_fault *fault);

/* A line of a file of tokens. */
struct imported_token {
    char user[TC_ID_SIZE], id[TOKEN_ID_SIZE], digest[TOKEN_DIGEST_SIZE];
};
/* Takes over the file of an orchestrator, once: makes each user that is no person yet one, with roles operator and
 * approver and the aliases of its name; the tokens are valid for `valid_s`. TC_CONFLICT: it was taken over at `at`. No
 * user has a name of the orchestrator. */
enum tc_error tokens_import(struct store *store, const char *orchestrator, const struct imported_token *tokens,
                            size_t count, int64_t valid_s, char at[static 32], struct tc_fault *fault);

#endif
