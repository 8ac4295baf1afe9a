#include "orchestrator/intake/http_request.h"
#include "topics/topic.h"

#include <string.h>

static const char plan_types[] = "application/yaml application/json application/x-yaml text/yaml text/x-yaml";

void rollout_check_key(struct http_request *request)
{
    const char *key = http_request_header(request, "Idempotency-Key");
    if (key != NULL && !name_is_valid(key, strlen(key)))
        http_answer_problem(request, 400, "Idempotency-Key must be a name: 1 to 64 of A-Z a-z 0-9 _ - . : +");
}

void rollout_begin(struct http_request *request)
{
    if (!http_request_has_type(request, plan_types))
        http_answer_problem(request, 415, "the Content-Type of a plan must be application/yaml or application/json");
    rollout_check_key(request);
    request->body_limit = PLAN_SIZE_MAX;
}

/* On the thread of the planner or of the gateway. */
static void plan_answered(void *context, const struct submission_answer *answer)
{
    struct http_request *request = context;
    struct buffer body = {0};
    if (answer->status == 422 && request->route->operation == ACCESS_COLLECT) { /* the only fault of such a plan */
        http_answer_problem(request, 404, "there is no device %s in service", request->variable);
    } else {
        buffer_put(&body, answer->body, answer->length);
        http_answer_json(request, answer->status, &body);
    }
    if (answer->status == 401)
        http_answer_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, TOKEN_IS_INVALID);
    http_request_resume(request);
}

void rollout_submit(struct http_request *request)
{
    rollout_submit_plan(request, ENDPOINT_HTTP, NULL);
}

void rollout_submit_plan(struct http_request *request, enum endpoint endpoint,
                         const struct submission_revision *revision)
{
    buffer_put(&request->body, "", 0);
    struct act act = *request->act;
    http_act_end(request); /* the gateway and the planner record it */
    struct submission_request submission_request = {.endpoint = endpoint,
                                                    .author = request->subject.name,
                                                    .scope = http_request_scope(request),
                                                    .idempotency_key = http_request_header(request, "Idempotency-Key"),
                                                    .revision = revision,
                                                    .act = &act,
                                                    .document = request->body.bytes,
                                                    .length = request->body.length,
                                                    .answered = plan_answered,
                                                    .context = request};
    request->body = (struct buffer){0};
    submission_gateway_submit(request->http->config.gateway, &submission_request, 0);
}
