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

static void note_refused(const struct http_request *request, const char *device, const char *reason, const char *detail)
{
    const char *address = request->peer->name;
    recorder_refuse_unknown(request->http->config.recorder, endpoint, address, device, verb, reason);
    metric_add(METRIC_ENROLMENTS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, address, "enrolment.refused", F_STR("device", device), F_STR("address", address),
                F_STR("reason", reason), F_STR("detail", detail));
}

/* Tells a peer that did not authenticate nothing but this. */
static void deny(struct http_request *request, bool by_code)
{
    http_answer_problem(request, 401, "denied");
    if (by_code)
        http_answer_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"Tellercast\"");
}

/* Answers a peer that has authenticated, with the right code or with a device's certificate. */
static void refuse_standing(struct http_request *request, const char *device, enum enrolment_standing standing)
{
    switch (standing) {
    case ENROLMENT_USED_CODE:
        http_answer_problem(request, 403,
                            "this code was used already, for another key; get a new one: tellercast "
                            "device enroll %s",
                            device);
        break;
    case ENROLMENT_EXPIRED_CODE:
        http_answer_problem(request, 403, "this code has expired; get a new one: tellercast device enroll %s", device);
        break;
    case ENROLMENT_REVOKED:
        http_answer_problem(request, 403, "the certificate was revoked; get a code: tellercast device enroll %s",
                            device);
        break;
    case ENROLMENT_TOO_MANY:
        http_answer_problem(request, 429,
                            "device %s has %d valid certificates already; get a code: tellercast device "
                            "enroll %s",
                            device, ENROLMENT_LIVE_MAX, device);
        break;
    case ENROLMENT_UNKNOWN_DEVICE: http_answer_problem(request, 403, "there is no device %s in service", device); break;
    case ENROLMENT_GOOD:
    case ENROLMENT_UNKNOWN_CODE:
    case ENROLMENT_STANDING_COUNT: deny(request, true); break;
    }
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
        note_refused(request, caller->device, is_bad ? "bad_request" : "fault", fault.text);
        http_answer_fault(request, &fault);
    } else if (issued.standing != ENROLMENT_GOOD) {
        note_refused(request, caller->device, enrolment_standing_name(issued.standing), "");
        refuse_standing(request, caller->device, issued.standing);
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
    note_refused(request, caller->device, "too_many_attempts", "");
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
        note_refused(request, caller->device, enrolment_standing_name(answer.standing), "");
        enrolment_count_failure(request->http->config.enrolment, caller->device, caller->address);
        if (has_right_code)
            refuse_standing(request, caller->device, answer.standing);
        else
            deny(request, true);
    }
}

static void enroll(struct http_request *request)
{
    struct caller caller = {.by_code = true};
    (void)snprintf(caller.address, sizeof caller.address, "%s", request->peer->name);
    if (!read_credentials(request, caller.device, caller.code_hash)) {
        note_refused(request, "", "no_code", "");
        deny(request, true);
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

static void reenroll_with(struct http_request *request, struct store *store, struct caller *caller, const void *der,
                          size_t length)
{
    struct enrolment_answer answer;
    struct tc_fault fault;
    int64_t now_ms;
    if (enrolment_read_now(store, &now_ms, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    if (enrolment_check_peer(request->http->config.enrolment, der, length, now_ms, &caller->peer, &fault) != TC_OK) {
        note_refused(request, "", "bad_certificate", fault.text);
        deny(request, false);
        return;
    }
    memcpy(caller->device, caller->peer.device, sizeof caller->device);
    const struct enrolment_claim claim = {
        .device = caller->device, .serial = caller->peer.serial, .not_before_ms = caller->peer.not_before_ms};
    if (enrolment_check(store, &claim, &answer, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
    } else if (answer.standing == ENROLMENT_GOOD) {
        issue(request, store, caller, &answer);
    } else {
        note_refused(request, caller->device, enrolment_standing_name(answer.standing), "");
        refuse_standing(request, caller->device, answer.standing);
    }
}

static void reenroll(struct http_request *request)
{
    struct caller caller = {.by_code = false};
    const struct http_peer *peer = request->peer;
    (void)snprintf(caller.address, sizeof caller.address, "%s", peer->name);
    if (peer->certificate == NULL) {
        note_refused(request, "", "no_certificate", "");
        deny(request, false);
        return;
    }
    struct act act = act_begin_unknown(endpoint, caller.address, "certificate", verb);
    struct store *store = acts_take_store(request->http->config.stores, &act);
    reenroll_with(request, store, &caller, peer->certificate, peer->certificate_length);
    store_pool_give(request->http->config.stores, store);
}
