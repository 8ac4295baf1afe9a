#include "orchestrator/intake/http_request.h"
#include "topics/topic.h"

#include <string.h>

static const char plan_types[] = "application/yaml application/json application/x-yaml text/yaml text/x-yaml";

void rollout_begin(struct http_request *request)
{
    if (!http_request_has_type(request, plan_types))
        http_answer_problem(request, 415, "a plan's Content-Type is application/yaml or application/json");
    const char *key = http_request_header(request, "Idempotency-Key");
    if (key != NULL && !name_is_valid(key, strlen(key)))
        http_answer_problem(request, 400, "Idempotency-Key: 1 to 64 of A-Z a-z 0-9 _ - . : +");
    request->body_limit = PLAN_SIZE_MAX;
}

/* On the planner's thread, or the funnel's. */
static void order_answered(void *context, const struct order_answer *answer)
{
    struct http_request *request = context;
    struct buffer body = {0};
    buffer_put(&body, answer->body, answer->length);
    http_answer_json(request, answer->status, &body);
    http_request_resume(request);
}

void rollout_submit(struct http_request *request)
{
    rollout_order(request, NULL);
}

void rollout_order(struct http_request *request, const struct order_revision *revision)
{
    buffer_put(&request->body, "", 0);
    struct submission submission = {.door = DOOR_HTTP,
                                    .author = request->author,
                                    .idempotency_key = http_request_header(request, "Idempotency-Key"),
                                    .revision = revision,
                                    .document = request->body.bytes,
                                    .length = request->body.length,
                                    .answered = order_answered,
                                    .context = request};
    request->body = (struct buffer){0};
    funnel_submit(request->http->config.funnel, &submission, 0);
}
