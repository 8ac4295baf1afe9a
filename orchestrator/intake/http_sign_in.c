/* Sign-in of people at the identity provider, and the session that it yields: a cookie that scripts cannot read and
 * that other sites' requests do not carry. */
#include "base/log.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/oidc/provider.h"
#include "orchestrator/oidc/sign_in.h"
#include "orchestrator/people/people.h"
#include "orchestrator/people/refusals.h"
#include "orchestrator/people/token_text.h"
#include "orchestrator/recorder/recorder.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/sessions.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { SIGN_IN_S = 600 };

static bool is_possible(struct http_request *request)
{
    if (provider_origin(request->http->config.provider) != NULL)
        return true;
    http_answer_problem(request, 404, "nobody signs in here: oidc.client_id is not set");
    return false;
}

/* ---- to the provider ---- */

void sign_in_begin(struct http_request *request)
{
    char secret[SIGN_IN_TEXT_SIZE];
    struct buffer url = {0};
    struct tc_fault fault;
    if (!is_possible(request))
        return;
    sign_in_make_secret(secret);
    if (provider_put_sign_in_url(request->http->config.provider, secret, &url, &fault) == TC_OK) {
        http_answer_with(request, 303, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
        http_answer_header(request, MHD_HTTP_HEADER_LOCATION, buffer_text(&url));
        http_answer_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        cookie_set(request, SIGN_IN_COOKIE, secret, "Lax", SIGN_IN_S);
    } else {
        http_answer_problem(request, 503, "%s", fault.text);
    }
    sodium_memzero(secret, sizeof secret);
    buffer_free(&url);
}

/* ---- and back ---- */

/* Says the same for each reason: a stranger may have made the request. */
static void refuse(struct http_request *request, const char *reason)
{
    const char *address = request->peer->name;
    LOG_LIMITED(LOG_LEVEL_WARNING, address, "oidc.sign_in_refused", F_STR("address", address), F_STR("reason", reason));
    refusals_note_unknown("http", address, "");
    recorder_refuse_unknown(request->http->config.recorder, "http", address, "", access_operation_name(ACCESS_SIGN_IN),
                            reason);
    http_answer_problem(request, 403, "the sign-in was refused; begin again at /v1/login");
    cookie_set(request, SIGN_IN_COOKIE, "", "Lax", 0);
}

/* RFC 9207: the answer of another provider is not taken for that of ours. */
static bool is_of_provider(const struct http_request *request)
{
    const char *issuer = http_target_text(&request->target, "iss");
    return issuer == NULL || provider_is_issuer(request->http->config.provider, issuer);
}

void sign_in_check(struct http_request *request)
{
    if (!is_possible(request))
        return;
    const char *error = http_target_text(&request->target, "error");
    if (cookie_read(request, SIGN_IN_COOKIE) == NULL)
        refuse(request, "this browser began none, or it began too long ago");
    else if (http_target_text(&request->target, "state") == NULL)
        refuse(request, "state: must be there");
    else if (!is_of_provider(request))
        refuse(request, "iss: it is of another provider");
    else if (error != NULL)
        refuse(request, error);
    else if (http_target_text(&request->target, "code") == NULL)
        refuse(request, "code: must be there");
}

static void refuse_person(struct http_request *request, const struct provider_identity *identity)
{
    struct tc_fault fault;
    struct subject ignored;
    enum tc_error error =
        people_find_alias(request->http->config.people, ALIAS_OIDC, identity->alias, &ignored, &fault);
    refusals_note_unknown("http", request->peer->name, identity->alias);
    recorder_refuse_unknown(request->http->config.recorder, "http", request->peer->name, identity->alias,
                            access_operation_name(ACCESS_SIGN_IN), "nobody is linked to this alias");
    http_answer_problem(request, 403, "%s", error == TC_DENIED ? fault.text : "the sign-in was refused; begin again");
    cookie_set(request, SIGN_IN_COOKIE, "", "Lax", 0);
}

static void open_session(struct http_request *request, const struct provider_identity *identity)
{
    char secret[TOKEN_TEXT_SIZE], id[TOKEN_ID_SIZE], digest[TOKEN_DIGEST_SIZE], person[TC_ID_SIZE], expires_at[32];
    const struct http_config *config = &request->http->config;
    struct tc_fault fault;
    token_text_make(secret, id, digest);
    const struct new_session session = {.id = id,
                                        .digest = digest,
                                        .alias = identity->alias,
                                        .roles = identity->roles,
                                        .address = request->peer->name,
                                        .valid_s = provider_session_s(config->provider)};
    struct subject subject = {.kind = SUBJECT_UNKNOWN};
    (void)snprintf(subject.credential, sizeof subject.credential, "oidc %s", identity->alias);
    struct act act = act_begin(&subject, ACCESS_SIGN_IN, "http", request->peer->name);
    struct store *store = acts_take_store(config->stores, &act);
    enum tc_error error = sessions_create(store, &session, person, expires_at, &fault);
    store_pool_give(config->stores, store);
    if (error == TC_OK) {
        struct buffer body = {0};
        LOG_INFO("login.succeeded", F_STR("door", "http"), F_STR("person", person), F_STR("alias", identity->alias),
                 F_STR("session", id), F_STR("address", request->peer->name), F_STR("expires_at", expires_at));
        people_await_reading(config->people);
        buffer_format(&body, "{\"person\":\"%s\",\"expires_at\":\"%s\"}", person, expires_at);
        http_answer_json(request, 200, &body);
        cookie_set(request, SESSION_COOKIE, secret, "Strict", session.valid_s);
        cookie_set(request, SIGN_IN_COOKIE, "", "Lax", 0);
    } else if (error == TC_NOT_FOUND) {
        refuse_person(request, identity);
    } else {
        http_answer_fault(request, &fault);
    }
    sodium_memzero(secret, sizeof secret);
}

/* On a thread of the provider. */
static void take_identity(void *context, enum tc_error error, const struct provider_identity *identity,
                          const struct tc_fault *fault)
{
    struct http_request *request = context;
    if (error == TC_OK)
        open_session(request, identity);
    else if (error == TC_UNAVAILABLE)
        http_answer_problem(request, 503, "%s", "the identity provider does not answer");
    else
        refuse(request, fault->text);
    http_request_resume(request);
}

void sign_in_end(struct http_request *request)
{
    struct tc_fault fault;
    const struct provider_sign_in sign_in = {.secret = cookie_read(request, SIGN_IN_COOKIE),
                                             .state = http_target_text(&request->target, "state"),
                                             .code = http_target_text(&request->target, "code"),
                                             .take = take_identity,
                                             .context = request};
    if (provider_end_sign_in(request->http->config.provider, &sign_in, &fault) == TC_OK)
        return;
    http_answer_problem(request, 503, "%s", fault.text);
    http_request_resume(request);
}

/* ---- the end ---- */

void sign_out(struct http_request *request)
{
    char digest[TOKEN_DIGEST_SIZE];
    struct tc_fault fault;
    const char *secret = cookie_read_session(request);
    if (secret == NULL) {
        http_answer_problem(request, 409, "there is no session");
        return;
    }
    token_text_digest(secret, digest);
    struct store *store = http_act_take_store(request);
    enum tc_error error = sessions_end(store, digest, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    people_await_reading(request->http->config.people);
    LOG_INFO("session.ended", F_STR("person", request->subject.name), F_STR("credential", request->subject.credential));
    struct buffer body = {0};
    buffer_put_text(&body, "{}");
    http_answer_json(request, 200, &body);
    cookie_set(request, SESSION_COOKIE, "", "Strict", 0);
}
