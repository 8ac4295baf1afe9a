#include "orchestrator/planner/answer.h"

#include "base/buffer.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_CONFLICT = 409,
    HTTP_TOO_LARGE = 413,
    HTTP_UNPROCESSABLE = 422,
    HTTP_INTERNAL = 500,
    HTTP_UNAVAILABLE = 503
};

static int status_of(enum tc_error error)
{
    switch (error) {
    case TC_INVALID:
    case TC_NOT_FOUND: return HTTP_UNPROCESSABLE;
    case TC_DENIED: return HTTP_FORBIDDEN;
    case TC_CONFLICT: return HTTP_CONFLICT;
    case TC_TOO_LARGE: return HTTP_TOO_LARGE;
    case TC_UNAVAILABLE:
    case TC_BUSY:
    case TC_NO_SPACE:
    case TC_TIMEOUT: return HTTP_UNAVAILABLE;
    default: return HTTP_INTERNAL;
    }
}

static void give(struct submission *submission, int status, const char *body, const char *detail)
{
    struct submission_answer answer = {.status = status, .body = body, .length = strlen(body), .detail = detail};
    submission->answered(submission, &answer);
}

static void refuse(struct submission *submission, int status, const char *detail, const char *body)
{
    metric_add(METRIC_ORDERS_REFUSED, 1);
    LOG_INFO("order.refused", F_STR("door", endpoint_name(submission->endpoint)), F_STR("author", submission->author),
             F_INT("status", status), F_STR("reason", detail));
    give(submission, status, body, detail);
}

void answer_submitted(struct submission *submission, const struct submitted *submitted)
{
    json_t *document = json_pack("{s:I, s:s, s:s, s:s, s:I, s:b}", "rollout", (json_int_t)submitted->rollout, "name",
                                 submitted->name, "digest", submitted->digest, "state", submitted->state, "devices",
                                 (json_int_t)submitted->devices, "existing", submitted->existing);
    if (submitted->detail[0] != '\0')
        TC_CHECK(json_object_set_new(document, "detail", json_string(submitted->detail)) == 0);
    char *body = json_dumps(document, JSON_COMPACT);
    TC_CHECK(body != NULL);
    json_decref(document);
    if (!submitted->existing)
        metric_add(METRIC_ORDERS_ACCEPTED, 1);
    LOG_INFO("order.accepted", F_INT("rollout", submitted->rollout), F_STR("name", submitted->name),
             F_STR("door", endpoint_name(submission->endpoint)), F_STR("author", submission->author),
             F_INT("devices", submitted->devices), F_STR("existing", submitted->existing ? "yes" : "no"));
    give(submission, submitted->existing ? HTTP_OK : HTTP_CREATED, body, NULL);
    free(body);
}

void answer_revised(struct submission *submission, const struct operated *operated)
{
    LOG_INFO("rollout.operated", F_INT("rollout", operated->rollout),
             F_STR("operation", operation_name(operated->operation)), F_STR("author", submission->author),
             F_STR("state", operated->state), F_INT("version", operated->version),
             F_STR("existing", operated->existing ? "yes" : "no"));
    struct buffer body = {0};
    operated_write(operated, &body);
    give(submission, HTTP_OK, buffer_text(&body), NULL);
    buffer_free(&body);
}

void answer_faults(struct submission *submission, enum tc_error error, const struct document_faults *faults)
{
    /* The detail of a fault may have parameters of the plan, which are for nobody's log. */
    const char *path = faults->count == 0 ? "" : faults->items[0].path;
    char reason[sizeof faults->items->path + 48];
    (void)snprintf(reason, sizeof reason, "the plan has %zu fault%s%s%s", faults->total, faults->total == 1 ? "" : "s",
                   *path == '\0' ? "" : ", the first one at ", path);
    int status = status_of(error);
    struct buffer problem = {0};
    submission_write_faults(status, "plan", faults, &problem);
    refuse(submission, status, reason, buffer_text(&problem));
    buffer_free(&problem);
}

void answer_fault(struct submission *submission, const struct tc_fault *fault)
{
    bool rollout_is_missing = submission->revision.rollout != 0 && fault->code == TC_NOT_FOUND;
    bool token_is_gone = fault->code == TC_DENIED && submission->act.standing == ACTOR_TOKEN_IS_GONE;
    int status = rollout_is_missing ? HTTP_NOT_FOUND : token_is_gone ? HTTP_UNAUTHORIZED : status_of(fault->code);
    struct buffer problem = {0};
    submission_write_problem(status, fault->text, &problem);
    refuse(submission, status, fault->text, buffer_text(&problem));
    buffer_free(&problem);
}
