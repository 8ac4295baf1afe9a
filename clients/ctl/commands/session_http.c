/* Requests of a session to the daemon. */
#include "base/file.h"
#include "base/url.h"
#include "clients/ctl/commands/session.h"

#include <stdlib.h>
#include <string.h>

/* No fault contains the value: it may have a password. */
static bool check_addresses(const struct session *session, struct url_proxy *proxy, int *code)
{
    struct tc_fault fault;
    const char *given = session_option(session, "proxy"), *server = session_option(session, "server");
    if (url_may_have_user(server))
        *code = session_fail_usage(session, "--server: a user in the URL is not allowed; use --token-file");
    else if (url_find_fault(server) != NULL)
        *code = session_fail_usage(session, "--server: %s; allowed: [http|https]://HOST:PORT", url_find_fault(server));
    else if (given != NULL && url_read_proxy(given, proxy, &fault) != TC_OK)
        *code = session_fail_usage(session, "--proxy: %s", fault.text);
    else
        return true;
    return false;
}

struct http *session_http(struct session *session, int *code)
{
    struct tc_fault fault;
    struct url_proxy proxy = {0};
    if (session->http != NULL)
        return session->http;
    if (!check_addresses(session, &proxy, code))
        return NULL;
    const struct http_options options = {
        .server = session_option(session, "server"),
        .token_file = session_option(session, "token-file"),
        .ca_file = session_option(session, "ca-file"),
        .proxy = &proxy,
    };
    /* An operator's own file is his to protect. He is told, and not stopped at night. */
    if (options.token_file != NULL && file_check_private(options.token_file, &fault) == TC_DENIED)
        session_say(session, "tellercast: warning: %s", fault.text);
    if (http_open(&options, &session->http, &fault) != TC_OK) {
        *code = session_fail_fault(session, &fault);
        return NULL;
    }
    return session->http;
}

json_t *session_get_warnings(struct session *session)
{
    int code;
    struct http_answer answer;
    struct http *http = session_http(session, &code);
    json_t *warnings = NULL;
    if (http != NULL && http_get(http, "/readyz", &answer, NULL) == TC_OK) {
        warnings = json_incref(json_object_get(answer.document, "warnings"));
        http_answer_free(&answer);
    }
    if (warnings == NULL)
        warnings = json_array();
    TC_CHECK(warnings != NULL);
    return warnings;
}

json_t *session_send(struct session *session, const struct http_request *request, const char *subject, int *code)
{
    struct tc_fault fault;
    struct http_answer answer;
    struct http *http = session_http(session, code);
    if (http == NULL)
        return NULL;
    if (http_send(http, request, &answer, &fault) != TC_OK) {
        *code = session_fail_fault(session, &fault);
        return NULL;
    }
    if (!http_answer_is_good(&answer)) {
        *code = session_report_problem(session, subject, answer.status, answer.document);
        http_answer_free(&answer);
        return NULL;
    }
    *code = EXIT_HEALTHY;
    return answer.document;
}

/* As session_send; but a fault of the request is EXIT_ERROR: EXIT_INVALID is for plans and fleets only. */
static json_t *ask(struct session *session, const struct http_request *request, const char *subject, int *code)
{
    json_t *answer = session_send(session, request, subject, code);
    if (answer == NULL && *code == EXIT_INVALID)
        *code = EXIT_ERROR;
    return answer;
}

json_t *session_get(struct session *session, const char *path, const char *subject, int *code)
{
    return ask(session, &(struct http_request){.method = "GET", .path = path}, subject, code);
}

json_t *session_post(struct session *session, const char *path, json_t *body, const char *subject, int *code)
{
    struct http_request request = {.method = "POST", .path = path};
    if (body == NULL)
        return ask(session, &request, subject, code);
    char *text = json_dumps(body, JSON_COMPACT);
    TC_CHECK(text != NULL);
    json_decref(body);
    request.content_type = "application/json";
    request.body = text;
    request.length = strlen(text);
    json_t *answer = ask(session, &request, subject, code);
    free(text);
    return answer;
}

json_t *session_order(struct session *session, const char *path, const char *subject, int *code)
{
    const char *reason = session_reason(session, code);
    if (reason == NULL)
        return NULL;
    json_t *body = json_pack("{s:s}", "reason", reason);
    if (body == NULL) {
        *code = session_fail_usage(session, "--reason: must be UTF-8");
        return NULL;
    }
    return session_post(session, path, body, subject, code);
}
