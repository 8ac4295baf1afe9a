/* Enrolment over Secure Transport (RFC 7030): the authorities' certificates, a device's first certificate by a code,
 * and its next ones by the present one. A peer that has not authenticated learns only that it is denied. */
#include "base/log.h"
#include "orchestrator/intake/enrolment.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/recorder/recorder.h"
#include "orchestrator/store/acts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A request of PKI_REQUEST_MAX bytes in base64 with line ends, and its PEM frame. */
enum { REQUEST_BODY_MAX = 24576, REQUEST_MAX = 16384, CREDENTIALS_MAX = 512 };

static const char endpoint[] = "est", verb[] = "enrol";

static void request_begin(struct http_request *request);
static void authorities_show(struct http_request *request);
static void enroll(struct http_request *request);
static void reenroll(struct http_request *request);

/* clang-format off */
const struct http_route est_routes[] = {
    {"GET",  "/.well-known/est/cacerts",        "", ACCESS_PUBLIC, INLINE, NULL,          authorities_show},
    {"POST", "/.well-known/est/simpleenroll",   "", ACCESS_PUBLIC, JOB,    request_begin, enroll},
    {"POST", "/.well-known/est/simplereenroll", "", ACCESS_PUBLIC, JOB,    request_begin, reenroll},
    {"POST", "/v1/logs", "instruction attempt",     ACCESS_PUBLIC, ASIDE,  log_begin,     log_put},
};
/* clang-format on */
const size_t est_route_count = sizeof est_routes / sizeof *est_routes;

/* ---- answers ---- */

/* Answers with a certs-only message, and takes it. */
static void answer_certificates(struct http_request *request, struct buffer *der)
{
    size_t size = sodium_base64_encoded_len(der->length, sodium_base64_VARIANT_ORIGINAL);
    struct buffer body = {.bytes = malloc(size), .length = size - 1, .capacity = size};
    TC_CHECK(body.bytes != NULL);
    (void)sodium_bin2base64(body.bytes, size, (const unsigned char *)der->bytes, der->length,
                            sodium_base64_VARIANT_ORIGINAL);
    buffer_free(der);
    http_answer(request, 200, "application/pkcs7-mime; smime-type=certs-only", &body);
    http_answer_header(request, "Content-Transfer-Encoding", "base64");
}

static void authorities_show(struct http_request *request)
{
    struct buffer der = {0};
    enrolment_put_authorities(request->http->config.enrolment, &der);
    answer_certificates(request, &der);
}

/* ---- the request ---- */

static void request_begin(struct http_request *request)
{
    if (!http_request_has_type(request, "application/pkcs10"))
        http_answer_problem(request, 415, "the Content-Type must be application/pkcs10");
    request->body_limit = REQUEST_BODY_MAX;
}

/* Appends the certificate request of the body: base64 of DER, as RFC 7030 says, or PEM. */
static enum tc_error decode_body(const struct http_request *request, struct buffer *out, struct tc_fault *fault)
{
    unsigned char bytes[REQUEST_BODY_MAX];
    size_t length = 0;
    const char *text = buffer_text(&request->body), *end = NULL;
    if (strncmp(text, "-----BEGIN ", 11) == 0) {
        buffer_put(out, text, request->body.length);
        return TC_OK;
    }
    if (sodium_base642bin(bytes, sizeof bytes, text, request->body.length, " \t\r\n", &length, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text + request->body.length || length == 0)
        return tc_fault_set(fault, TC_INVALID, "the body must be a certificate request (PKCS#10) in base64");
    buffer_put(out, bytes, length);
    return TC_OK;
}

/* What the device has authenticated with. */
struct caller {
    char address[HTTP_ADDRESS_SIZE], device[TC_ID_SIZE];
    bool by_code;
    char code_hash[ENROLMENT_HASH_SIZE];
    struct device_peer peer;
};

static void issue(struct http_request *request, struct store *store, const struct caller *caller,
                  const struct enrolment_answer *answer)
{
    struct buffer asked = {0}, der = {0};
    struct enrolment_issued issued = {0};
    struct tc_fault fault;
    enum tc_error error = decode_body(request, &asked, &fault);
    const struct enrolment_request order = {.device = caller->device,
                                            .code_hash = caller->by_code ? caller->code_hash : NULL,
                                            .serial = caller->peer.serial,
                                            .not_before_ms = caller->peer.not_before_ms,
                                            .revoked_s = answer->revoked_s,
                                            .bytes = buffer_text(&asked),
                                            .length = asked.length};
    if (error == TC_OK)
        error = enrolment_issue(request->http->config.enrolment, store, &order, answer->now_ms, &issued, &der, &fault);
    buffer_free(&asked);
    if (error != TC_OK) {
        bool is_bad = error == TC_INVALID || error == TC_TOO_LARGE || error == TC_DENIED;
        est_note_refused(request, caller->device, is_bad ? "bad_request" : "fault", fault.text);
        http_answer_fault(request, &fault);
    } else if (issued.standing != ENROLMENT_GOOD) {
        est_note_refused(request, caller->device, enrolment_standing_name(issued.standing), "");
        est_refuse_standing(request, caller->device, issued.standing);
    } else {
        metric_add(METRIC_CERTIFICATES_ISSUED, 1);
        LOG_INFO("device.enrolled", F_STR("device", caller->device),
                 F_STR("by", caller->by_code ? "code" : "certificate"), F_STR("serial", issued.serial),
                 F_STR("address", caller->address));
        answer_certificates(request, &der);
    }
    buffer_free(&der);
}

/* ---- by a code ---- */

/* Reads the device's ID and its code (RFC 7617). */
static bool read_credentials(const struct http_request *request, char device[static TC_ID_SIZE],
                             char hash[static ENROLMENT_HASH_SIZE])
{
    static const char scheme[] = "Basic ";
    const char *header = http_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    char text[CREDENTIALS_MAX + 1];
    size_t length = 0;
    if (header == NULL || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return false;
    header += sizeof scheme - 1;
    if (sodium_base642bin((unsigned char *)text, sizeof text - 1, header, strlen(header), " ", &length, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    text[length] = '\0';
    char *colon = strchr(text, ':');
    bool is_good = colon != NULL && strlen(text) == length && id_is_valid(text, (size_t)(colon - text));
    if (is_good) {
        *colon = '\0';
        memcpy(device, text, strlen(text) + 1);
        enrolment_hash_code(colon + 1, hash);
    }
    sodium_memzero(text, sizeof text);
    return is_good;
}

static bool must_wait(struct http_request *request, const struct caller *caller)
{
    char seconds[24];
    int64_t wait_ms = enrolment_wait_ms(request->http->config.enrolment, caller->device, caller->address);
    if (wait_ms == 0)
        return false;
    est_note_refused(request, caller->device, "too_many_attempts", "");
    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)wait_ms / 1000 + 1);
    http_answer_problem(request, 429, "denied; too many failed attempts: wait %s s", seconds);
    http_answer_header(request, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    return true;
}

static void enroll_with(struct http_request *request, struct store *store, const struct caller *caller)
{
    const struct enrolment_claim claim = {.device = caller->device, .code_hash = caller->code_hash, .key_hash = ""};
    struct enrolment_answer answer;
    struct tc_fault fault;
    if (enrolment_check(store, &claim, &answer, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
    } else if (answer.standing == ENROLMENT_GOOD) {
        issue(request, store, caller, &answer);
    } else {
        bool has_right_code = answer.standing != ENROLMENT_UNKNOWN_CODE && answer.standing != ENROLMENT_UNKNOWN_DEVICE;
        est_note_refused(request, caller->device, enrolment_standing_name(answer.standing), "");
        enrolment_count_failure(request->http->config.enrolment, caller->device, caller->address);
        if (has_right_code)
            est_refuse_standing(request, caller->device, answer.standing);
        else
            est_deny(request, true);
    }
}

static void enroll(struct http_request *request)
{
    struct caller caller = {.by_code = true};
    (void)snprintf(caller.address, sizeof caller.address, "%s", request->peer->name);
    if (!read_credentials(request, caller.device, caller.code_hash)) {
        est_note_refused(request, "", "no_code", "");
        est_deny(request, true);
        return;
    }
    if (must_wait(request, &caller))
        return;
    struct act act = act_begin_unknown(endpoint, caller.address, "code", verb);
    struct store *store = acts_take_store(request->http->config.stores, &act);
    enroll_with(request, store, &caller);
    store_pool_give(request->http->config.stores, store);
}

/* ---- by a certificate ---- */

static void reenroll(struct http_request *request)
{
    struct caller caller = {.by_code = false};
    struct enrolment_answer answer;
    (void)snprintf(caller.address, sizeof caller.address, "%s", request->peer->name);
    struct act act = act_begin_unknown(endpoint, caller.address, "certificate", verb);
    struct store *store = acts_take_store(request->http->config.stores, &act);
    if (est_check_device(request, store, &caller.peer, &answer)) {
        memcpy(caller.device, caller.peer.device, sizeof caller.device);
        if (answer.standing == ENROLMENT_GOOD) {
            issue(request, store, &caller, &answer);
        } else {
            est_note_refused(request, caller.device, enrolment_standing_name(answer.standing), "");
            est_refuse_standing(request, caller.device, answer.standing);
        }
    }
    store_pool_give(request->http->config.stores, store);
}
