#include "orchestrator/directory/guard_answer.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/metrics/metrics.h"
#include "topics/json_text.h"

void metrics_show(struct http_request *request)
{
    struct buffer body = {0};
    metrics_write(&body);
    http_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

void health_show(struct http_request *request)
{
    struct buffer body = {0};
    buffer_put_text(&body, "{\"version\":\"" TELLERCAST_VERSION "\"}");
    http_answer_json(request, 200, &body);
}

void readiness_show(struct http_request *request)
{
    struct intake_health health = {0};
    request->http->config.describe_health(request->http->config.context, &health);
    struct buffer body = {0};
    buffer_format(&body, "{\"ready\":%s,\"broker\":", health.ready ? "true" : "false");
    json_text_put(&body, health.broker);
    buffer_put_text(&body, ",\"database\":");
    json_text_put(&body, health.database);
    buffer_put_text(&body, ",\"cache\":");
    json_text_put(&body, health.cache);
    buffer_format(&body, ",\"insecure_loopback\":%s,\"warnings\":%s}",
                  request->http->config.insecure_loopback ? "true" : "false",
                  health.warnings[0] == '\0' ? "[]" : health.warnings);
    http_answer(request, health.ready ? 200 : 503, "application/json", &body);
}

void guard_show(struct http_request *request)
{
    struct guard_answer *answer = request->http->config.guard_answer;
    if (answer == NULL) {
        http_answer_problem(request, 404, "the setting broker.guard is none: this broker has no guard");
        return;
    }
    struct buffer body = {0};
    guard_answer_write(answer, &body);
    http_answer_json(request, 200, &body);
}
