/* Who acts: the person of the bearer token (RFC 6750), or on loopback, where the settings allow it, a local peer. */
#include "base/log.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/intake/listener.h"
#include "orchestrator/oidc/provider.h"
#include "orchestrator/people/people.h"
#include "orchestrator/people/refusals.h"
#include "orchestrator/recorder/recorder.h"
#include "orchestrator/wording/refusal_words.h"

#include <string.h>
#include <strings.h>

static const char endpoint[] = "http";

enum tc_error http_check_access(const struct http_config *config, struct tc_fault *fault)
{
    if (config->api == HTTP_API_EST || config->certificate_file[0] != '\0' || listener_is_loopback(config->listen))
        return TC_OK; /* the endpoint of EST has TLS */
    return tc_fault_set(fault, TC_DENIED,
                        "http.certificate_file: must be set, since http.listen, %s, is not on loopback: without TLS "
                        "everybody on the way reads the tokens",
                        config->listen);
}

const char *http_read_token(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *token = authorization + sizeof scheme - 1;
    return token + strspn(token, " ");
}

/* Says the same to a peer without a token, with an unknown one, and with one that is no longer valid. */
static void refuse_unknown(struct http_request *request, bool showed_one)
{
    recorder_refuse_unknown(request->http->config.recorder, endpoint, request->peer->name, "",
                            access_operation_name(request->route->operation),
                            showed_one ? "a credential that is nobody's" : "no credential");
    if (request->route->operation == ACCESS_DOWNLOAD) {
        download_note_refusal(request, "", showed_one ? "bad_token" : "no_certificate", "");
        http_answer_problem(request, 401, "%s; or a device's certificate in the handshake", TOKEN_NEEDED);
    } else {
        refusals_note_unknown(endpoint, request->peer->name, "");
        http_answer_problem(request, 401, "%s", TOKEN_NEEDED);
    }
    http_answer_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, showed_one ? TOKEN_IS_INVALID : "Bearer");
}

/* Finds who has a JWT of the identity provider. Whoever that is may learn what is missing for it to be a person. */
static enum tc_error find_by_jwt(struct http_request *request, const char *token, struct tc_fault *fault)
{
    const struct http_config *config = &request->http->config;
    struct provider_identity identity;
    enum tc_error error = provider_check_bearer(config->provider, token, &identity, fault);
    if (error == TC_DENIED)
        LOG_LIMITED(LOG_LEVEL_WARNING, request->peer->name, "oidc.token_refused", F_STR("address", request->peer->name),
                    F_STR("reason", fault->text));
    if (error != TC_OK)
        return error;
    error = people_find_alias(config->people, ALIAS_OIDC, identity.alias, &request->subject, fault);
    if (error == TC_DENIED) {
        refusals_note_unknown(endpoint, request->peer->name, identity.alias);
        http_answer_problem(request, 403, "%s", fault->text);
    }
    request->subject.roles |= identity.roles;
    request->subject.given_roles = identity.roles;
    return error;
}

/* A browser sends its cookie with requests that other sites made, too, unless it knows SameSite. It always says which
 * site made one that changes something. */
static void check_origin(struct http_request *request)
{
    const char *origin = http_request_header(request, MHD_HTTP_HEADER_ORIGIN);
    const char *own = provider_origin(request->http->config.provider);
    if (strcmp(request->route->method, "GET") == 0 || (origin != NULL && strcmp(origin, own) == 0))
        return;
    LOG_LIMITED(LOG_LEVEL_WARNING, request->peer->name, "session.origin_refused", F_STR("address", request->peer->name),
                F_STR("person", request->subject.name), F_STR("origin", origin == NULL ? "" : origin));
    http_answer_problem(request, 403, "a request by a session must have the header \"Origin: %s\"", own);
}

static void find_person(struct http_request *request, const char *authorization)
{
    struct tc_fault fault;
    const struct http_config *config = &request->http->config;
    const char *token = authorization == NULL ? NULL : http_read_token(authorization);
    const char *session = authorization == NULL ? cookie_read_session(request) : NULL;
    enum tc_error error = TC_DENIED;
    if (session != NULL)
        error = people_find_session(config->people, session, &request->subject, &fault);
    if (session != NULL && error == TC_OK)
        check_origin(request);
    if (token != NULL)
        error = people_find_token(config->people, token, request->peer->name, &request->subject, &fault);
    if (error == TC_DENIED && token != NULL && config->provider != NULL && provider_is_bearer(token))
        error = find_by_jwt(request, token, &fault);
    if (request->status != 0)
        return;
    if (error == TC_DENIED)
        refuse_unknown(request, authorization != NULL || session != NULL);
    else if (error != TC_OK)
        http_answer_problem(request, 503, "%s", fault.text);
}

/* Against DNS rebinding: a browser sends the name of the attacker's host. */
static bool host_is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    return false;
}

static void let_loopback_in(struct http_request *request)
{
    if (host_is_loopback(http_request_header(request, MHD_HTTP_HEADER_HOST)))
        subject_set_loopback(&request->subject);
    else
        http_answer_problem(request, 421, "without a token the Host header must be localhost, 127.0.0.1 or [::1]");
}

/* A peer that shows a certificate is not taken for somebody else, and the store that wants one believes nobody. */
static bool may_be_loopback(const struct http_request *request)
{
    return request->http->config.insecure_loopback && http_peer_is_loopback(request->peer) &&
           request->route->operation != ACCESS_DOWNLOAD && request->peer->certificate == NULL;
}

void http_authorize(struct http_request *request)
{
    struct tc_fault fault;
    enum access_operation operation = request->route->operation;
    const char *authorization = http_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    if (authorization == NULL && cookie_read_session(request) == NULL && may_be_loopback(request))
        let_loopback_in(request);
    else
        find_person(request, authorization);
    if (request->status != 0)
        return;
    http_act_begin(request);
    if (refusals_decide(&request->subject, operation, endpoint, &request->scope, &fault) != TC_OK)
        http_answer_problem(request, 403, "%s", fault.text);
    else if (!access_operation_is_recorded(operation))
        http_act_end(request);
}

void http_answer_refusal(struct http_request *request, const struct refusal *refusal, struct tc_fault *fault)
{
    refusal_put_words(refusal, fault);
    if (fault->code == TC_DENIED) {
        refusals_note(&request->subject, request->scope.operation, endpoint, fault->text);
        if (request->act == NULL) /* it would only have read */
            http_act_begin(request);
    }
    http_answer_fault(request, fault);
}
