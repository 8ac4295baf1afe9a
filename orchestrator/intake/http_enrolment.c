/* The codes with which devices enrol, the revocation of a device's certificates, and the authority's revocation list.
 */
#include "base/log.h"
#include "config/operation.h"
#include "orchestrator/intake/enrolment.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/enrolment.h"

#include <sodium.h>
#include <stdlib.h>

enum { CODE_VALID_S = 86400, CODE_VALID_MIN_S = 1, CODE_VALID_MAX_S = 90 * 86400 };

static void give_code(struct http_request *request, const char *code, int64_t valid_s)
{
    char hash[ENROLMENT_HASH_SIZE], expires_at[32];
    struct refusal refusal;
    struct tc_fault fault;
    enrolment_hash_code(code, hash);
    struct store *store = http_act_take_store(request);
    const struct enrolment_actor actor = {request->subject.name, http_request_scope(request)};
    enum tc_error error =
        enrolment_give_code(store, request->variable, hash, valid_s, &actor, expires_at, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_refusal(request, &refusal, &fault);
        return;
    }
    LOG_INFO("device.code_made", F_STR("device", request->variable), F_STR("author", request->subject.name),
             F_STR("expires_at", expires_at));
    struct buffer body = {0};
    buffer_format(&body, "{\"device\":\"%s\",\"code\":\"%s\",\"expires_at\":\"%s\"}", request->variable, code,
                  expires_at);
    http_answer_json(request, 201, &body);
}

void device_make_code(struct http_request *request)
{
    int64_t valid_s = CODE_VALID_S;
    struct tc_fault fault;
    if (http_target_integer(&request->target, "valid_for_s", CODE_VALID_MIN_S, CODE_VALID_MAX_S, &valid_s, &fault) !=
        TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    char code[ENROLMENT_CODE_SIZE];
    enrolment_make_code(code);
    give_code(request, code, valid_s);
    sodium_memzero(code, sizeof code);
}

static void revoke_certificates(struct http_request *request, const char *reason)
{
    struct buffer body = {0};
    struct refusal refusal;
    struct tc_fault fault;
    struct store *store = http_act_take_store(request);
    const struct enrolment_actor actor = {request->subject.name, http_request_scope(request)};
    enum tc_error error = enrolment_revoke(store, request->variable, &actor, reason, &body, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_refusal(request, &refusal, &fault);
        buffer_free(&body);
        return;
    }
    LOG_WARNING("device.certificates_revoked", F_STR("device", request->variable), F_STR("author", actor.name));
    http_answer_json(request, 200, &body);
}

void device_revoke(struct http_request *request)
{
    struct operation_words words;
    struct document_faults faults = {0};
    if (operation_parse(OPERATION_BY_REASON, buffer_text(&request->body), request->body.length, &words, &faults) ==
        TC_OK)
        revoke_certificates(request, words.reason);
    else
        http_answer_faults(request, "operation", &faults);
    document_faults_free(&faults);
}

/* A PEM text in a JSON document needs no other escapes. */
static void put_list(const struct buffer *pem, size_t count, struct buffer *json)
{
    buffer_format(json, "{\"revoked\":%zu,\"crl\":\"", count);
    for (size_t i = 0; i < pem->length; i++) {
        if (pem->bytes[i] == '\n')
            buffer_put_text(json, "\\n");
        else
            buffer_put(json, &pem->bytes[i], 1);
    }
    buffer_put_text(json, "\"}");
}

void revocations_show(struct http_request *request)
{
    const struct enrolment *enrolment = request->http->config.enrolment;
    if (enrolment == NULL) {
        http_answer_problem(request, 404,
                            "this daemon has no authority of devices: est.device_issuer_certificate_file "
                            "is not set");
        return;
    }
    struct enrolment_revoked *revoked = NULL;
    size_t count = 0;
    int64_t now_ms = 0;
    struct buffer pem = {0}, json = {0};
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = enrolment_read_revoked(store, &revoked, &count, &now_ms, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK)
        error = enrolment_make_crl(enrolment, revoked, count, now_ms, &pem, &fault);
    free(revoked);
    if (error == TC_OK)
        put_list(&pem, count, &json);
    buffer_free(&pem);
    http_answer_document(request, error, &json, &fault);
}
