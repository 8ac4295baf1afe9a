/* The logs of failures: devices send them to the EST endpoint, and people read them. */
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "orchestrator/intake/attempt_limit.h"
#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/logs.h"
#include "topics/message.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* ---- from a device ---- */

enum result {
    KEPT,
    REPEATED,
    UNKNOWN_ATTEMPT,
    TOO_MUCH,
    TOO_OFTEN,
    TOO_LONG,
    MALFORMED,
    NO_CERTIFICATE,
    NOT_ADMITTED,
    BUSY,
    FAILED,
    RESULTS
};

/* As the metric has them. */
static const char *const results[RESULTS] = {
    [KEPT] = "kept",
    [REPEATED] = "repeated",
    [UNKNOWN_ATTEMPT] = "unknown_attempt",
    [TOO_MUCH] = "too_much",
    [TOO_OFTEN] = "too_often",
    [TOO_LONG] = "too_long",
    [MALFORMED] = "malformed",
    [NO_CERTIFICATE] = "no_certificate",
    [NOT_ADMITTED] = "not_admitted",
    [BUSY] = "busy",
    [FAILED] = "failed",
};

static void count(enum result result)
{
    metric_count(FAMILY_DEVICE_LOGS, results[result]);
}

void log_show_counters(void)
{
    for (size_t i = 0; i < RESULTS; i++)
        metric_show(FAMILY_DEVICE_LOGS, results[i]);
}

static void note_refused(const struct http_request *request)
{
    count(request->status == 413 ? TOO_LONG : BUSY);
}

/* Counts the logs that are sent with a certificate, whatever becomes of them. False: they are too many, and it has
 * answered. The certificate is not checked yet, which would be work: its digest stands for it. */
static bool is_within_share(struct http_request *request)
{
    unsigned char digest[crypto_generichash_BYTES_MIN];
    char subject[2 * sizeof digest + 1], seconds[32];
    struct attempt_limit *limit = request->http->log_limit;
    int64_t now_ms = clock_monotonic_ms();
    (void)crypto_generichash(digest, sizeof digest, request->peer->certificate, request->peer->certificate_length, NULL,
                             0);
    (void)sodium_bin2hex(subject, sizeof subject, digest, sizeof digest);
    int64_t wait_ms = attempt_limit_wait_ms(limit, subject, now_ms);
    if (wait_ms == 0) {
        attempt_limit_count(limit, subject, now_ms);
        return true;
    }
    (void)snprintf(seconds, sizeof seconds, "%" PRId64, wait_ms / 1000 + 1);
    count(TOO_OFTEN);
    http_answer_problem(request, 429, "this device sends too many logs; wait %s s", seconds);
    http_answer_header(request, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    return false;
}

/* Takes no body of a peer that has not authenticated, or that sends too many. */
void log_begin(struct http_request *request)
{
    if (request->peer->certificate == NULL) {
        count(NO_CERTIFICATE);
        est_note_refused(request, "", "no_certificate", "");
        est_deny(request, false);
    } else if (is_within_share(request) && !http_request_has_type(request, "text/plain")) {
        count(MALFORMED);
        http_answer_problem(request, 415, "the Content-Type of a log must be text/plain");
    }
    request->body_limit = INSTALL_LOG_MAX;
    request->note_refused = note_refused;
}

static bool is_text(const struct buffer *body)
{
    const char *bytes = buffer_text(body);
    for (size_t at = 0; at < body->length;) {
        size_t width = utf8_character_length(bytes + at, body->length - at);
        if (width == 0 || (utf8_is_control(bytes + at, width) && bytes[at] != '\n' && bytes[at] != '\t'))
            return false;
        at += width;
    }
    return body->length > 0;
}

/* Reads the log without its device. False: it has answered. */
static bool read_log(struct http_request *request, struct device_log *log)
{
    int64_t attempt = 0;
    struct tc_fault fault;
    const struct http_target *target = &request->target;
    enum tc_error error = http_target_integer(target, "instruction", 1, INT64_MAX, &log->instruction, &fault);
    if (error == TC_OK)
        error = http_target_integer(target, "attempt", 1, ATTEMPTS_MAX, &attempt, &fault);
    if (error != TC_OK)
        http_answer_fault(request, &fault);
    else if (log->instruction == 0 || attempt == 0)
        http_answer_problem(request, 400, "instruction and attempt must be given");
    else if (!is_text(&request->body))
        http_answer_problem(request, 400,
                            "the log must be UTF-8 without control characters, except for line ends and tabs");
    log->attempt = (int32_t)attempt;
    log->content = buffer_text(&request->body);
    if (request->status != 0)
        count(MALFORMED);
    return request->status == 0;
}

static void answer_standing(struct http_request *request, const struct device_log *log, enum log_standing standing)
{
    static const enum result of_standing[] = {[LOG_KEPT] = KEPT,
                                              [LOG_IS_THERE] = REPEATED,
                                              [LOG_OF_UNKNOWN_ATTEMPT] = UNKNOWN_ATTEMPT,
                                              [LOG_IS_TOO_MUCH] = TOO_MUCH};
    struct buffer json = {0};
    count(of_standing[standing]);
    switch (standing) {
    case LOG_KEPT:
    case LOG_IS_THERE:
        buffer_format(&json, "{\"instruction\":%" PRId64 ",\"attempt\":%" PRId32 "}", log->instruction, log->attempt);
        http_answer_json(request, standing == LOG_KEPT ? 201 : 200, &json);
        break;
    case LOG_OF_UNKNOWN_ATTEMPT:
        http_answer_problem(request, 404, "device %s has no such instruction, or it has not come to this attempt",
                            log->device);
        break;
    case LOG_IS_TOO_MUCH:
        http_answer_problem(request, 429, "at most %d logs and %d bytes of a device are taken in a day",
                            DEVICE_LOGS_A_DAY, DEVICE_LOG_BYTES_A_DAY);
        http_answer_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "3600");
        break;
    }
}

static void put_log(struct http_request *request, struct store *store, const struct device_log *sent)
{
    struct device_log log = *sent;
    struct device_peer peer;
    struct tc_fault fault;
    enum log_standing standing;
    if (!est_admit_device(request, store, &peer)) {
        count(request->status >= 500 ? FAILED : NOT_ADMITTED);
        return;
    }
    log.device = peer.device;
    if (logs_put(store, &log, &standing, &fault) != TC_OK) {
        count(FAILED);
        http_answer_fault(request, &fault);
        return;
    }
    if (standing == LOG_KEPT) {
        metric_add(METRIC_DEVICE_LOG_BYTES, (int64_t)request->body.length);
        LOG_INFO("device.log_kept", F_STR("device", log.device), F_INT("instruction", log.instruction),
                 F_INT("attempt", log.attempt), F_INT("bytes", request->body.length));
    }
    answer_standing(request, &log, standing);
}

void log_put(struct http_request *request)
{
    struct device_log log = {0};
    if (!read_log(request, &log))
        return;
    struct store *store = store_pool_take(request->http->config.stores);
    put_log(request, store, &log);
    store_pool_give(request->http->config.stores, store);
}

/* ---- to people ---- */

void device_logs_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t before = 0;
    int limit;
    enum tc_error error = http_read_page(request, &before, &limit, &fault);
    if (error == TC_OK && !id_is_valid(request->variable, strlen(request->variable)))
        error = tc_fault_set(&fault, TC_NOT_FOUND, "the ID of a device must be 1 to 64 of A-Z a-z 0-9 _ -");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = logs_list(store, http_request_patterns(request), request->variable, before, limit, &json, &fault);
        error = http_name_missing(error, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

void log_show(struct http_request *request)
{
    struct buffer json = {0};
    struct refusal refusal = {.reason = REFUSAL_NONE};
    struct tc_fault fault;
    int64_t log;
    if (!http_read_id(request->variable, &log)) {
        http_answer_problem(request, 404, "the ID of a log must be a number");
        return;
    }
    struct store *store = http_act_take_store(request);
    enum tc_error error = logs_read(store, http_request_scope(request), log, &json, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK) {
        http_answer_json(request, 200, &json);
    } else {
        buffer_free(&json);
        (void)http_name_missing(error, &fault);
        http_answer_refusal(request, &refusal, &fault);
    }
}
