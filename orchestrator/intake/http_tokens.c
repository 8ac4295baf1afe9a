/* The tokens of people: each makes and revokes its own; an admin those of others. */
#include "base/log.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/people/people.h"
#include "orchestrator/people/refusals.h"
#include "orchestrator/people/token_text.h"
#include "orchestrator/store/tokens.h"
#include "orchestrator/wording/refusal_words.h"

#include <sodium.h>
#include <string.h>

static void refuse_of_other(struct http_request *request, const char *person, const struct tc_fault *fault)
{
    if (request->act == NULL)
        http_act_begin(request);
    act_set_details(request->act, "person", person);
    http_answer_problem(request, 403, "%s", fault->text);
}

/* The person whose tokens the request is about: that of the parameter, or the one who asks. NULL, with the answer set:
 * that of another person needs `operation`. */
static const char *read_person(struct http_request *request, enum access_operation operation)
{
    struct tc_fault fault;
    const char *person = http_target_text(&request->target, "person");
    if (person == NULL || strcmp(person, request->subject.name) == 0)
        return request->subject.name;
    if (!name_is_valid(person, strlen(person)))
        http_answer_problem(request, 400, "person: must be the name of a person");
    else if (refusals_decide(&request->subject, operation, "http", NULL, &fault) != TC_OK)
        refuse_of_other(request, person, &fault);
    else
        act_goes_by(request->act, operation);
    return request->status == 0 ? person : NULL;
}

void tokens_page(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int limit;
    const char *after = http_target_text(&request->target, "after");
    const char *person = read_person(request, ACCESS_READ_PEOPLE);
    if (person == NULL)
        return;
    bool sees_all = access_decide(&request->subject, ACCESS_READ_PEOPLE, NULL, &fault) == TC_OK;
    if (sees_all && http_target_text(&request->target, "person") == NULL)
        person = "";
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK && after != NULL && !id_is_valid(after, strlen(after)))
        error = tc_fault_set(&fault, TC_INVALID, "after: must be the `next` of the previous page");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = tokens_list(store, person, after == NULL ? "" : after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

static void create(struct http_request *request, const char *text, const struct new_token *token)
{
    char expires_at[32] = "";
    bool waits = false;
    struct refusal refusal;
    struct tc_fault fault;
    struct store *store = http_act_take_store(request);
    enum tc_error error = tokens_create(store, token, expires_at, &waits, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        refusal_put_words(&refusal, &fault);
        http_answer_fault(request, &fault);
        return;
    }
    people_await_reading(request->http->config.people);
    LOG_WARNING("token.created", F_STR("token", token->id), F_STR("person", token->person),
                F_STR("actor", token->actor), F_STR("expires_at", expires_at), F_STR("waits", waits ? "yes" : "no"));
    struct buffer body = {0};
    buffer_format(&body, "{\"token\":\"%s\",\"person\":\"%s\",\"secret\":\"%s\",\"expires_at\":\"%s\",\"waits\":%s}",
                  token->id, token->person, text, expires_at, waits ? "true" : "false");
    http_answer_json(request, 201, &body);
}

void token_create(struct http_request *request)
{
    char text[TOKEN_TEXT_SIZE], id[TOKEN_ID_SIZE], digest[TOKEN_DIGEST_SIZE];
    struct new_token token = {.id = id, .digest = digest, .actor = request->subject.name, .valid_s = TOKEN_VALID_S};
    struct tc_fault fault;
    token.person = read_person(request, ACCESS_MANAGE_PEOPLE);
    if (token.person == NULL)
        return;
    if (http_target_integer(&request->target, "valid_for_s", 1, TOKEN_VALID_MAX_S, &token.valid_s, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    token_text_make(text, id, digest);
    create(request, text, &token);
    sodium_memzero(text, sizeof text);
}

static void act(struct http_request *request, bool confirms)
{
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    const struct token_act act = {
        .id = request->variable,
        .actor = request->subject.name,
        .own_only = access_decide(&request->subject, ACCESS_MANAGE_PEOPLE, NULL, &fault) != TC_OK,
    };
    if (!act.own_only)
        act_goes_by(request->act, ACCESS_MANAGE_PEOPLE);
    struct store *store = http_act_take_store(request);
    enum tc_error error = confirms ? tokens_confirm(store, &act, &json, &refusal, &fault)
                                   : tokens_revoke(store, &act, &json, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK) {
        people_await_reading(request->http->config.people);
        LOG_WARNING(confirms ? "token.confirmed" : "token.revoked", F_STR("token", act.id), F_STR("actor", act.actor));
    } else {
        refusal_put_words(&refusal, &fault);
    }
    http_answer_document(request, error, &json, &fault);
}

void token_confirm(struct http_request *request)
{
    act(request, true);
}

void token_revoke(struct http_request *request)
{
    act(request, false);
}
