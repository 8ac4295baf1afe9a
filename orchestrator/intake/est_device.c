/* Who a peer of the EST endpoint is, by a device's certificate, and how it is refused. */
#include "base/log.h"
#include "orchestrator/intake/enrolment.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/recorder/recorder.h"

#include <string.h>

static const char endpoint[] = "est", verb[] = "enrol", verb_of_log[] = "send_log", path_of_logs[] = "/v1/logs";

void est_note_refused(const struct http_request *request, const char *device, const char *reason, const char *detail)
{
    const char *address = request->peer->name;
    bool is_log = strcmp(request->route->path, path_of_logs) == 0;
    recorder_refuse_unknown(request->http->config.recorder, endpoint, address, device, is_log ? verb_of_log : verb,
                            reason);
    if (!is_log)
        metric_add(METRIC_ENROLMENTS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, address, is_log ? "log.refused" : "enrolment.refused", F_STR("device", device),
                F_STR("address", address), F_STR("reason", reason), F_STR("detail", detail));
}

void est_deny(struct http_request *request, bool by_code)
{
    http_answer_problem(request, 401, "denied");
    if (by_code)
        http_answer_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"Tellercast\"");
}

void est_refuse_standing(struct http_request *request, const char *device, enum enrolment_standing standing)
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
    case ENROLMENT_STANDING_COUNT: est_deny(request, true); break;
    }
}

bool est_check_device(struct http_request *request, struct store *store, struct device_peer *peer,
                      struct enrolment_answer *answer)
{
    const struct http_peer *shown = request->peer;
    struct tc_fault fault;
    int64_t now_ms;
    if (shown->certificate == NULL) {
        est_note_refused(request, "", "no_certificate", "");
        est_deny(request, false);
        return false;
    }
    if (enrolment_read_now(store, &now_ms, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return false;
    }
    if (enrolment_check_peer(request->http->config.enrolment, shown->certificate, shown->certificate_length, now_ms,
                             peer, &fault) != TC_OK) {
        est_note_refused(request, "", "bad_certificate", fault.text);
        est_deny(request, false);
        return false;
    }
    const struct enrolment_claim claim = {
        .device = peer->device, .serial = peer->serial, .not_before_ms = peer->not_before_ms};
    if (enrolment_check(store, &claim, answer, &fault) != TC_OK)
        http_answer_fault(request, &fault);
    return request->status == 0;
}

bool est_admit_device(struct http_request *request, struct store *store, struct device_peer *peer)
{
    struct enrolment_answer answer;
    if (!est_check_device(request, store, peer, &answer))
        return false;
    if (answer.standing == ENROLMENT_GOOD || answer.standing == ENROLMENT_TOO_MANY) /* too many to get another one */
        return true;
    est_note_refused(request, peer->device, enrolment_standing_name(answer.standing), "");
    est_refuse_standing(request, peer->device, answer.standing);
    return false;
}
