/* Who may ask the operators' endpoint: see http_check_access. */
#include "base/address.h"
#include "base/log.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/intake/listener.h"
#include "orchestrator/metrics/metrics.h"

#include <string.h>

/* The author of a request without a token. */
static const char loopback_subject[] = "loopback";

enum tc_error http_check_access(const struct http_config *config, struct tc_fault *fault)
{
    bool has_tokens = config->tokens_file[0] != '\0', is_distant = !listener_is_loopback(config->listen);
    if (config->api == HTTP_API_EST)
        return TC_OK; /* it has TLS, and asks for a code or a certificate */
    if (!has_tokens && !config->insecure_loopback)
        return tc_fault_set(fault, TC_DENIED,
                            "http.tokens_file: must be set, since http.port is; allowed without, for tests: "
                            "http.listen on loopback with insecure_loopback: true");
    if (!has_tokens && is_distant)
        return tc_fault_set(fault, TC_DENIED,
                            "http.tokens_file: must be set, since http.listen, %s, is not on loopback", config->listen);
    if (config->certificate_file[0] == '\0' && is_distant)
        return tc_fault_set(fault, TC_DENIED,
                            "http.certificate_file: must be set, since http.listen, %s, is not on loopback: without "
                            "TLS everybody on the way reads the tokens",
                            config->listen);
    return TC_OK;
}

static const struct sockaddr *peer_of(const struct http_request *request)
{
    const union MHD_ConnectionInfo *information =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return information == NULL ? NULL : information->client_addr;
}

static void deny(struct http_request *request, int status, const char *reason)
{
    char address[HTTP_ADDRESS_SIZE];
    http_peer_address(request, address);
    metric_add(METRIC_HTTP_DENIED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, address, "http.denied", F_STR("address", address),
                F_STR("path", request->route->path), F_STR("reason", reason));
    http_answer_problem(request, status, "%s", reason);
}

static void check_token(struct http_request *request, const char *authorization)
{
    struct tc_fault fault;
    if (request->http->auth == NULL)
        authorization = NULL; /* where there are no tokens, each is wrong */
    if (http_auth_check(request->http->auth, authorization, request->author, &fault) == TC_OK)
        return;
    if (request->route->access == DEVICES) {
        download_note_refusal(request, "", authorization == NULL ? "no_certificate" : "bad_token", "");
        http_answer_problem(request, 401, "%s, or a device's certificate in the handshake", fault.text);
    } else {
        deny(request, 401, fault.text);
    }
    http_answer_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
}

/* The name in the header is believed, since nothing else tells the users of this machine apart. */
static void believe(struct http_request *request)
{
    const char *author = http_request_header(request, "Tellercast-Author");
    if (author == NULL)
        author = loopback_subject;
    if (name_is_valid(author, strlen(author)))
        memcpy(request->author, author, strlen(author) + 1);
    else
        http_answer_problem(request, 400, "Tellercast-Author must be a name: 1 to 64 of A-Z a-z 0-9 _ - . : +");
}

void http_authorize(struct http_request *request)
{
    const char *authorization = http_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    const struct sockaddr *peer = peer_of(request);
    /* A token is wrong only where there are others: then its bearer is not taken for somebody else. */
    bool has_no_token = authorization == NULL || request->http->auth == NULL;
    /* A peer that shows a certificate is not taken for somebody else either, and the store that wants one believes
     * nobody.
     */
    const void *der;
    size_t length;
    bool may_be_believed = request->route->access != DEVICES && !http_peer_certificate(request, &der, &length);
    bool is_believed = may_be_believed && has_no_token && request->http->config.insecure_loopback && peer != NULL &&
                       address_is_loopback(peer);
    if (!is_believed)
        check_token(request, authorization);
    else if (!http_auth_host_is_loopback(http_request_header(request, MHD_HTTP_HEADER_HOST)))
        deny(request, 421, "without a token the Host header must be localhost, 127.0.0.1 or [::1]");
    else
        believe(request);
}
