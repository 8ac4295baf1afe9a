/* Who may download artifacts, when http.device_issuer_file is set: an operator by a token, and a device by the
 * certificate that it shows in the handshake. */
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/intake/standing_cache.h"
#include "orchestrator/metrics/metrics.h"

bool download_needs_operator(const struct http_request *request)
{
    if (request->http->issuers == NULL)
        return false;
    return http_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION) != NULL || request->peer->certificate == NULL;
}

void download_note_refusal(const struct http_request *request, const char *device, const char *reason,
                           const char *detail)
{
    const char *address = request->peer->name;
    metric_add(METRIC_DOWNLOADS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, device[0] == '\0' ? address : device, "download.refused", F_STR("device", device),
                F_STR("address", address), F_STR("reason", reason), F_STR("detail", detail));
}

/* Says no more about a certificate than a TLS handshake would. */
static bool check_certificate(struct http_request *request, struct device_peer *peer)
{
    struct tc_fault fault;
    const struct http_peer *shown = request->peer; /* without one it is refused; download_needs_operator has seen it */
    if (device_issuers_check(request->http->issuers, shown->certificate == NULL ? "" : (const void *)shown->certificate,
                             shown->certificate_length, clock_now_ms(), peer, &fault) == TC_OK)
        return true;
    download_note_refusal(request, "", "bad_certificate", fault.text);
    http_answer_problem(request, 403, "the certificate is refused: %s", fault.text);
    return false;
}

/* Asks the database whether the certificate is good. Answers after a fault: then nobody knows. */
static bool ask_standing(struct http_request *request, const struct device_peer *peer,
                         enum enrolment_standing *standing)
{
    const struct enrolment_claim claim = {
        .device = peer->device, .serial = peer->serial, .not_before_ms = peer->not_before_ms};
    struct enrolment_answer answer = {.standing = ENROLMENT_UNKNOWN_DEVICE};
    struct tc_fault fault;
    int64_t asked_ms = clock_monotonic_ms();
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = enrolment_check(store, &claim, &answer, &fault);
    store_pool_give(request->http->config.stores, store);
    *standing = answer.standing;
    if (error == TC_OK)
        standing_cache_put(request->http->standings, peer, asked_ms, *standing);
    else
        http_answer_fault(request, &fault);
    return error == TC_OK;
}

static bool check_standing(struct http_request *request, const struct device_peer *peer,
                           enum enrolment_standing standing)
{
    if (standing == ENROLMENT_GOOD || standing == ENROLMENT_TOO_MANY) /* too many to get another one */
        return true;
    download_note_refusal(request, peer->device, enrolment_standing_name(standing), "");
    if (standing == ENROLMENT_REVOKED)
        http_answer_problem(request, 403, "the certificate was revoked; get a code: tellercast device enroll %s",
                            peer->device);
    else
        http_answer_problem(request, 403, "there is no device %s in service", peer->device);
    return false;
}

bool download_admit(struct http_request *request)
{
    struct device_peer peer;
    enum enrolment_standing standing;
    if (request->http->issuers == NULL || request->subject.kind != SUBJECT_UNKNOWN || request->is_admitted)
        return true;
    if (!check_certificate(request, &peer))
        return false;
    bool is_known = standing_cache_find(request->http->standings, &peer, clock_monotonic_ms(), &standing);
    if (!is_known && (!request->was_suspended || !ask_standing(request, &peer, &standing)))
        return false;
    request->is_admitted = check_standing(request, &peer, standing);
    return request->is_admitted;
}
