#include "orchestrator/oidc/provider_fetch.h"

#include "orchestrator/outbound/https_request.h"

#include <jansson.h>

enum { HTTP_OK = 200, HTTP_BAD_REQUEST = 400, HTTP_UNAUTHORIZED = 401 };

/* The error of RFC 6749, section 5.2, as invalid_grant. */
static enum tc_error refuse(const struct buffer *answer, long status, struct tc_fault *fault)
{
    bool is_wrong = status == HTTP_BAD_REQUEST || status == HTTP_UNAUTHORIZED;
    json_t *document = json_loadb(buffer_text(answer), answer->length, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(document, "error"));
    enum tc_error error = tc_fault_set(fault, is_wrong ? TC_DENIED : TC_UNAVAILABLE, "the provider answered %ld%s%.64s",
                                       status, name == NULL ? "" : ": ", name == NULL ? "" : name);
    json_decref(document);
    return error;
}

enum tc_error provider_fetch(const struct provider_request *request, struct buffer *answer, struct tc_fault *fault)
{
    long status;
    const struct https_request sent = {.url = request->url,
                                       .body = request->form,
                                       .user = request->user,
                                       .password = request->password,
                                       .ca_file = request->ca_file,
                                       .allows_loopback = request->allows_loopback,
                                       .request_ms = PROVIDER_REQUEST_MS,
                                       .answer_max = PROVIDER_ANSWER_MAX,
                                       .stop = request->stop};
    enum tc_error error = https_send(&sent, &status, answer, fault);
    if (error != TC_OK)
        return error;
    return status == HTTP_OK ? TC_OK : refuse(answer, status, fault);
}
