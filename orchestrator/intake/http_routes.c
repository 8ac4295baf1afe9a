#include "orchestrator/intake/http_request.h"

#include <string.h>

enum { EVERYBODY = true, OPERATORS = false };

/* clang-format off */
const struct http_route http_routes[] = {
    {"POST", "/v1/rollouts",                   "",                        OPERATORS, LATER,    rollout_begin,  rollout_submit},
    {"POST", "/v1/rollouts:preview",           "",                        OPERATORS, IN_A_JOB, rollout_begin,  rollout_preview},
    {"GET",  "/v1/rollouts",                   "after limit",             OPERATORS, IN_A_JOB, NULL,           rollouts_list},
    {"GET",  "/v1/rollouts/{id}",              "",                        OPERATORS, IN_A_JOB, NULL,           rollout_show},
    {"GET",  "/v1/rollouts/{id}/instructions", "state group after limit", OPERATORS, IN_A_JOB, NULL,           instructions_list},
    {"GET",  "/v1/rollouts/{id}/drift",        "",                        OPERATORS, IN_A_JOB, NULL,           rollout_drift},
    {"GET",  "/v1/rollouts/{id}/report",       "",                        OPERATORS, IN_A_JOB, NULL,           rollout_report},
    {"POST", "/v1/rollouts/{id}/approve",      "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/reject",       "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/pause",        "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/resume",       "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/cancel",       "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/retry",        "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/rollback",     "",                        OPERATORS, IN_A_JOB, operation_begin, operation_carry_out},
    {"PUT",  "/v1/rollouts/{id}/plan",         "version reason",          OPERATORS, LATER,    revision_begin,  revision_submit},
    {"GET",  "/v1/devices",                    "after limit",             OPERATORS, IN_A_JOB, NULL,           devices_list},
    {"GET",  "/v1/devices/{id}",               "",                        OPERATORS, IN_A_JOB, NULL,           device_show},
    {"PUT",  "/v1/fleet",                      "",                        OPERATORS, IN_A_JOB, fleet_begin,    fleet_import},
    {"GET",  "/v1/artifacts",                  "",                        OPERATORS, IN_A_JOB, NULL,           artifacts_list},
    {"PUT",  "/v1/artifacts/{sha256}",         "name version",            OPERATORS, IN_A_JOB, artifact_begin, artifact_keep},
    {"GET",  "/v1/artifacts/{sha256}",         "",                        EVERYBODY, EITHER,   NULL,           artifact_send},
    {"GET",  "/metrics",                       "",                        EVERYBODY, AT_ONCE,  NULL,           metrics_show},
    {"GET",  "/healthz",                       "",                        EVERYBODY, AT_ONCE,  NULL,           health_show},
    {"GET",  "/readyz",                        "",                        EVERYBODY, AT_ONCE,  NULL,           readiness_show},
};
/* clang-format on */
const size_t http_route_count = sizeof http_routes / sizeof *http_routes;

void http_route_find(struct http_request *request, const char *method)
{
    struct buffer allowed = {0};
    for (size_t i = 0; i < http_route_count && request->route == NULL; i++) {
        const struct http_route *route = &http_routes[i];
        const char *variable;
        if (!http_target_matches(&request->target, route->path, &variable))
            continue;
        bool reads = strcmp(route->method, "GET") == 0;
        if (strcmp(route->method, method) == 0 || (request->head && reads)) {
            request->route = route;
            request->variable = variable;
        }
        buffer_format(&allowed, "%s%s%s", allowed.length == 0 ? "" : ", ", route->method, reads ? ", HEAD" : "");
    }
    if (request->route == NULL && allowed.length == 0)
        http_answer_problem(request, 404, "there is nothing at this path");
    if (request->route == NULL && allowed.length > 0) {
        http_answer_problem(request, 405, "allowed here: %s", buffer_text(&allowed));
        http_answer_header(request, MHD_HTTP_HEADER_ALLOW, buffer_text(&allowed));
    }
    buffer_free(&allowed);
}
