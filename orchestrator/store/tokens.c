#include "orchestrator/store/tokens.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/people_private.h"

#include <string.h>

static enum tc_error insert(struct store *store, const struct new_token *token, bool is_confirmed,
                            char expires_at[static 32], struct tc_fault *fault)
{
    const struct sql_insert_token_params params = {.id = token->id,
                                                   .person = token->person,
                                                   .digest = token->digest,
                                                   .actor = token->actor,
                                                   .valid_s = token->valid_s,
                                                   .is_confirmed = is_confirmed,
                                                   .kept_days = TOKEN_KEPT_DAYS};
    struct sql_insert_token_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_insert_token(store, &params, &rows, fault);
    if (error == TC_OK && rows.count > 0)
        copy_text(expires_at, 32, sql_insert_token_at(&rows, 0).expires_at);
    return error;
}

static enum tc_error insert_one_more(struct store *store, const struct new_token *token,
                                     const struct person_facts *facts, char expires_at[static 32], bool *waits,
                                     struct refusal *refusal, struct tc_fault *fault)
{
    *waits = facts->may_approve && strcmp(token->actor, token->person) != 0;
    bool are_many = facts->live_tokens >= TOKENS_MAX;
    if (!are_many && facts->made_today < TOKENS_A_DAY)
        return insert(store, token, !*waits, expires_at, fault);
    refusal->needed = are_many ? TOKENS_MAX : TOKENS_A_DAY;
    return refusal_set(refusal, TC_CONFLICT, are_many ? REFUSAL_TOO_MANY_TOKENS : REFUSAL_TOKENS_A_DAY, fault);
}

static void begin_refusal(struct store *store, const char *person, const char *actor, const char *token,
                          struct refusal *refusal)
{
    act_set_object(acts_get(store), "token", token);
    act_set_details(acts_get(store), "person", person);
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    refusal_copy(refusal->who, sizeof refusal->who, person);
    refusal_copy(refusal->actor, sizeof refusal->actor, actor);
    refusal_copy(refusal->name, sizeof refusal->name, token);
}

enum tc_error tokens_create(struct store *store, const struct new_token *token, char expires_at[static 32], bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    begin_refusal(store, token->person, token->actor, token->id, refusal);
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = people_need(store, token->person, &facts, refusal, fault);
    if (error == TC_OK)
        error = insert_one_more(store, token, &facts, expires_at, waits, refusal, fault);
    return people_end(store, error, fault);
}

/* ---- acts on a token ---- */

struct found_token {
    char person[TC_ID_SIZE], created_by[TC_ID_SIZE];
    bool is_confirmed;
};

/* Begins the transaction of an act on a token that exists and is not revoked. A token of another person does not exist
 * for one who knows only its own. */
static enum tc_error find(struct store *store, const struct token_act *act, struct found_token *found,
                          struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_find_token_params params = {.id = act->id};
    struct sql_find_token_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_token(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_TOKEN, fault);
    const struct sql_find_token_row row = sql_find_token_at(&rows, 0);
    if (act->own_only && strcmp(row.person, act->actor) != 0)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_TOKEN, fault);
    if (row.is_revoked)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_TOKEN_REVOKED, fault);
    copy_text(found->person, sizeof found->person, row.person);
    act_set_details(acts_get(store), "person", row.person);
    copy_text(found->created_by, sizeof found->created_by, row.created_by);
    found->is_confirmed = row.is_confirmed;
    return TC_OK;
}

static enum tc_error end(struct store *store, enum tc_error error, const struct token_act *act,
                         const struct found_token *found, struct buffer *json, struct tc_fault *fault)
{
    error = people_end(store, error, fault);
    if (error == TC_OK)
        buffer_format(json, "{\"token\":\"%s\",\"person\":\"%s\"}", act->id, found->person);
    return error;
}

enum tc_error tokens_revoke(struct store *store, const struct token_act *act, struct buffer *json,
                            struct refusal *refusal, struct tc_fault *fault)
{
    struct found_token found = {0};
    begin_refusal(store, "", act->actor, act->id, refusal);
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    const struct sql_revoke_token_params params = {.id = act->id, .actor = act->actor};
    error = find(store, act, &found, refusal, fault);
    if (error == TC_OK)
        error = sql_revoke_token(store, &params, fault);
    return end(store, error, act, &found, json, fault);
}

enum tc_error tokens_confirm(struct store *store, const struct token_act *act, struct buffer *json,
                             struct refusal *refusal, struct tc_fault *fault)
{
    struct found_token found = {0};
    begin_refusal(store, "", act->actor, act->id, refusal);
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    const struct sql_confirm_token_params params = {.id = act->id, .actor = act->actor};
    error = find(store, act, &found, refusal, fault);
    if (error == TC_OK && found.is_confirmed)
        error = refusal_set(refusal, TC_CONFLICT, REFUSAL_NOT_WAITING, fault);
    else if (error == TC_OK && strcmp(found.created_by, act->actor) == 0)
        error = refusal_set(refusal, TC_DENIED, REFUSAL_ORDERED_SAME, fault);
    else if (error == TC_OK)
        error = sql_confirm_token(store, &params, fault);
    return end(store, error, act, &found, json, fault);
}

enum tc_error tokens_list(struct store *store, const char *person, const char *after, int limit, struct buffer *json,
                          struct tc_fault *fault)
{
    const struct sql_read_tokens_params params = {.person = person, .after = after, .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_tokens(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

/* ---- without an admin: on the orchestrator's machine ---- */

static enum tc_error put_role(struct store *store, const char *person, enum person_role role, struct tc_fault *fault)
{
    const struct sql_put_role_params params = {.person = person,
                                               .role = person_role_name(role),
                                               .scope = "{}",
                                               .actor = ACTOR_TELLERCAST,
                                               .is_confirmed = true};
    return sql_put_role(store, &params, fault);
}

static enum tc_error make_admin(struct store *store, const struct new_token *token, char expires_at[static 32],
                                struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    const struct sql_count_admins_params others = {.besides = ""};
    struct sql_count_admins_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_count_admins(store, &others, &rows, fault);
    if (error == TC_OK && sql_count_admins_at(&rows, 0).with_token >= 2)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_ADMINS_EXIST, fault);
    if (error == TC_OK)
        error = people_find(store, token->person, &facts, fault);
    if (error == TC_OK && facts.is_disabled)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_PERSON_DISABLED, fault);
    if (error == TC_OK && !facts.is_there)
        error = people_insert(store, token->person, token->actor, true, refusal, fault);
    if (error == TC_OK)
        error = people_void_given_alone(store, token->person, token->actor, fault);
    if (error == TC_OK)
        error = put_role(store, token->person, PERSON_ADMIN, fault);
    return error == TC_OK ? insert(store, token, true, expires_at, fault) : error;
}

enum tc_error people_make_admin(struct store *store, const struct new_token *token, char expires_at[static 32],
                                struct refusal *refusal, struct tc_fault *fault)
{
    begin_refusal(store, token->person, token->actor, token->id, refusal);
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = make_admin(store, token, expires_at, refusal, fault);
    return people_end(store, error, fault);
}

/* ---- the file of tokens of the version before ---- */

/* The name was one and the same person's at each endpoint. */
static enum tc_error import_person(struct store *store, const char *user, struct tc_fault *fault)
{
    struct refusal ignored = {.reason = REFUSAL_NONE};
    enum tc_error error = people_insert(store, user, ACTOR_TELLERCAST, true, &ignored, fault);
    static const enum alias_kind kinds[] = {ALIAS_UNIX_USER, ALIAS_CERTIFICATE, ALIAS_MQTT_USER};
    for (size_t i = 0; error == TC_OK && i < sizeof kinds / sizeof *kinds; i++) {
        const struct sql_put_alias_params alias = {.kind = alias_kind_name(kinds[i]),
                                                   .value = user,
                                                   .person = user,
                                                   .actor = ACTOR_TELLERCAST,
                                                   .is_confirmed = true};
        struct sql_find_alias_rows rows ROWS_AUTO = {0};
        const struct sql_find_alias_params find = {.kind = alias.kind, .value = user};
        error = sql_find_alias(store, &find, &rows, fault);
        if (error == TC_OK && rows.count == 0 && alias_value_is_valid(kinds[i], user))
            error = sql_put_alias(store, &alias, fault);
    }
    if (error == TC_OK)
        error = put_role(store, user, PERSON_OPERATOR, fault);
    return error == TC_OK ? put_role(store, user, PERSON_APPROVER, fault) : error;
}

/* A user whose name is an author's of a person already is that person. */
static enum tc_error import_token(struct store *store, const struct imported_token *line, int64_t valid_s,
                                  struct tc_fault *fault)
{
    char expires_at[32], person[TC_ID_SIZE];
    const struct sql_find_alias_params find = {.kind = alias_kind_name(ALIAS_AUTHOR), .value = line->user};
    struct sql_find_alias_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_alias(store, &find, &rows, fault);
    copy_text(person, sizeof person, rows.count > 0 ? sql_find_alias_at(&rows, 0).person : line->user);
    if (error == TC_OK && rows.count == 0)
        error = import_person(store, person, fault);
    const struct new_token token = {
        .id = line->id, .digest = line->digest, .person = person, .actor = ACTOR_TELLERCAST, .valid_s = valid_s};
    return error == TC_OK ? insert(store, &token, true, expires_at, fault) : error;
}

static enum tc_error find_import(struct store *store, const char *orchestrator, char at[static 32],
                                 struct tc_fault *fault)
{
    const struct sql_find_import_params params = {.orchestrator = orchestrator};
    struct sql_find_import_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_import(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    copy_text(at, 32, sql_find_import_at(&rows, 0).imported_at);
    return tc_fault_set(fault, TC_CONFLICT, "database: the tokens were imported");
}

enum tc_error tokens_import(struct store *store, const char *orchestrator, const struct imported_token *tokens,
                            size_t count, int64_t valid_s, char at[static 32], struct tc_fault *fault)
{
    const struct sql_record_import_params params = {.orchestrator = orchestrator};
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = find_import(store, orchestrator, at, fault);
    for (size_t i = 0; error == TC_OK && i < count; i++)
        error = import_token(store, &tokens[i], valid_s, fault);
    if (error == TC_OK)
        error = sql_record_import(store, &params, fault);
    return people_end(store, error, fault);
}
