/* Stubs of the store's acts on people, for an HTTP endpoint. Each checks what it gets, and answers as
 * http_fixture_store_answers says. Any thread. */
#include "orchestrator/store/people.h"
#include "orchestrator/store/sessions.h"
#include "orchestrator/store/tokens.h"
#include "tests/unit/http_stubs.h"

#include <stdio.h>
#include <string.h>

static enum tc_error give(struct buffer *json, bool *waits, struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    *waits = true;
    if (http_fixture_store_answers != TC_OK)
        return tc_fault_set(fault, http_fixture_store_answers, "the store says no");
    buffer_put_text(json, "{\"from\":\"store\"}");
    return TC_OK;
}

static void check_name(const char *name)
{
    TC_CHECK(name_is_valid(name, strlen(name)));
}

#define ACT_ON_PERSON(name, check)                                                                                     \
    enum tc_error name(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,            \
                       struct refusal *refusal, struct tc_fault *fault)                                                \
    {                                                                                                                  \
        (void)store;                                                                                                   \
        check_name(act->actor);                                                                                        \
        TC_CHECK(act->person != NULL && (check));                                                                      \
        return give(json, waits, refusal, fault);                                                                      \
    }

ACT_ON_PERSON(people_create, name_is_valid(act->person, strlen(act->person)))
ACT_ON_PERSON(people_disable, true)
ACT_ON_PERSON(people_enable, true)
ACT_ON_PERSON(people_grant, act->role < PERSON_ROLE_COUNT)
ACT_ON_PERSON(people_withdraw, act->role < PERSON_ROLE_COUNT)
ACT_ON_PERSON(people_link, alias_value_is_valid(act->kind, act->alias))
ACT_ON_PERSON(people_unlink, act->kind < ALIAS_KIND_COUNT && act->alias != NULL)

enum tc_error people_list(struct store *store, const char *after, int limit, struct buffer *json,
                          struct tc_fault *fault)
{
    bool waits;
    struct refusal refusal;
    (void)store;
    TC_CHECK(after != NULL && limit > 0);
    return give(json, &waits, &refusal, fault);
}

enum tc_error people_show(struct store *store, const char *person, struct buffer *json, struct tc_fault *fault)
{
    bool waits;
    struct refusal refusal;
    (void)store;
    TC_CHECK(person != NULL);
    return give(json, &waits, &refusal, fault);
}

/* ---- tokens ---- */

enum tc_error tokens_create(struct store *store, const struct new_token *token, char expires_at[static 32], bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    struct buffer ignored = {0};
    (void)store;
    check_name(token->actor);
    TC_CHECK(token->valid_s > 0 && strlen(token->digest) == TOKEN_DIGEST_SIZE - 1);
    (void)snprintf(expires_at, 32, "2030-01-01T00:00:00Z");
    enum tc_error error = give(&ignored, waits, refusal, fault);
    buffer_free(&ignored);
    return error;
}

#define ACT_ON_TOKEN(name)                                                                                             \
    enum tc_error name(struct store *store, const struct token_act *act, struct buffer *json, struct refusal *refusal, \
                       struct tc_fault *fault)                                                                         \
    {                                                                                                                  \
        bool waits;                                                                                                    \
        (void)store;                                                                                                   \
        check_name(act->actor);                                                                                        \
        return give(json, &waits, refusal, fault);                                                                     \
    }

ACT_ON_TOKEN(tokens_revoke)
ACT_ON_TOKEN(tokens_confirm)

enum tc_error tokens_list(struct store *store, const char *person, const char *after, int limit, struct buffer *json,
                          struct tc_fault *fault)
{
    bool waits;
    struct refusal refusal;
    (void)store;
    TC_CHECK(person != NULL && after != NULL && limit > 0);
    return give(json, &waits, &refusal, fault);
}

enum tc_error sessions_create(struct store *store, const struct new_session *session, char person[static TC_ID_SIZE],
                              char expires_at[static 32], struct tc_fault *fault)
{
    (void)store;
    TC_CHECK(alias_value_is_valid(ALIAS_OIDC, session->alias));
    person[0] = expires_at[0] = '\0';
    return tc_fault_set(fault, TC_NOT_FOUND, "the store says no");
}

enum tc_error sessions_end(struct store *store, const char *digest, struct tc_fault *fault)
{
    (void)store, (void)fault;
    TC_CHECK(strlen(digest) == TOKEN_DIGEST_SIZE - 1);
    return TC_OK;
}
