#include "orchestrator/intake/http_request.h"

#include <string.h>

/* clang-format off */
const struct http_route http_routes[] = {
    {"POST", "/v1/rollouts",                   "",                        OPERATORS, ASYNC,  rollout_begin,  rollout_submit},
    {"POST", "/v1/rollouts:preview",           "",                        OPERATORS, JOB,    rollout_begin,  rollout_preview},
    {"GET",  "/v1/rollouts",                   "reference after limit",   OPERATORS, JOB,    NULL,           rollouts_list},
    {"GET",  "/v1/rollouts/{id}",              "",                        OPERATORS, JOB,    NULL,           rollout_show},
    {"GET",  "/v1/rollouts/{id}/instructions", "state group after limit", OPERATORS, JOB,    NULL,           instructions_list},
    {"GET",  "/v1/rollouts/{id}/drift",        "",                        OPERATORS, JOB,    NULL,           rollout_drift},
    {"GET",  "/v1/rollouts/{id}/report",       "",                        OPERATORS, JOB,    NULL,           rollout_evidence},
    {"POST", "/v1/rollouts/{id}/approve",      "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/reject",       "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/pause",        "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/resume",       "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/cancel",       "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/retry",        "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/promote",      "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/rollback",     "",                        OPERATORS, JOB,    operation_begin, operation_carry_out},
    {"PUT",  "/v1/rollouts/{id}/plan",         "version reason",          OPERATORS, ASYNC,  revision_begin,  revision_submit},
    {"GET",  "/v1/devices",                    "after limit",             OPERATORS, JOB,    NULL,           devices_list},
    {"GET",  "/v1/devices/{id}",               "",                        OPERATORS, JOB,    NULL,           device_show},
    {"POST", "/v1/devices/{id}/return",        "",                        OPERATORS, JOB,    operation_begin, device_return},
    {"POST", "/v1/devices/{id}/enrolments",    "valid_for_s",             OPERATORS, JOB,    NULL,           device_make_code},
    {"POST", "/v1/devices/{id}/revoke",        "",                        OPERATORS, JOB,    operation_begin, device_revoke},
    {"GET",  "/v1/devices:crl",                "",                        OPERATORS, JOB,    NULL,           revocations_show},
    {"POST", "/v1/devices/{id}/retire",        "",                        OPERATORS, JOB,    operation_begin, device_retire},
    {"PUT",  "/v1/fleet",                      "default_zone",            OPERATORS, JOB,    fleet_begin,    fleet_import},
    {"GET",  "/v1/artifacts",                  "",                        OPERATORS, JOB,    NULL,           artifacts_list},
    {"PUT",  "/v1/artifacts/{sha256}",         "name version",            OPERATORS, JOB,    artifact_begin, artifact_put},
    {"GET",  "/v1/artifacts/{sha256}",         "",                        DEVICES,   EITHER, NULL,           artifact_send},
    {"GET",  "/v1/installation",               "",                        OPERATORS, JOB,    NULL,           installation_show},
    {"POST", "/v1/installation/accept-restored", "",                      OPERATORS, JOB,    operation_begin, installation_accept_restored},
    {"GET",  "/v1/unknown-orders",             "device after limit",      OPERATORS, JOB,    NULL,           unknown_orders_list},
    {"GET",  "/v1/keys",                       "",                        OPERATORS, JOB,    NULL,           keys_list},
    {"POST", "/v1/keys:rotate",                "",                        OPERATORS, JOB,    operation_begin, keys_rotate},
    {"GET",  "/v1/keys/{key}/devices",         "lacking after limit",     OPERATORS, JOB,    NULL,           key_devices_list},
    {"POST", "/v1/keys/{key}/revoke",          "last",                    OPERATORS, JOB,    operation_begin, key_revoke},
    {"POST", "/v1/keys/{key}/use",             "",                        OPERATORS, JOB,    operation_begin, key_use},
    {"GET",  "/v1/broker/guard",               "",                        OPERATORS, INLINE, NULL,           guard_show},
    {"GET",  "/metrics",                       "",                        EVERYBODY, INLINE, NULL,           metrics_show},
    {"GET",  "/healthz",                       "",                        EVERYBODY, INLINE, NULL,           health_show},
    {"GET",  "/readyz",                        "",                        EVERYBODY, INLINE, NULL,           readiness_show},
};
/* clang-format on */
const size_t http_route_count = sizeof http_routes / sizeof *http_routes;

void http_route_find(struct http_request *request, const char *method)
{
    struct buffer allowed = {0};
    bool is_est = request->http->config.api == HTTP_API_EST;
    const struct http_route *routes = is_est ? est_routes : http_routes;
    size_t count = is_est ? est_route_count : http_route_count;
    for (size_t i = 0; i < count && request->route == NULL; i++) {
        const struct http_route *route = &routes[i];
        const char *variable;
        if (!http_target_matches(&request->target, route->path, &variable))
            continue;
        bool reads = strcmp(route->method, "GET") == 0;
        if (strcmp(route->method, method) == 0 || (request->is_head && reads)) {
            request->route = route;
            request->variable = variable;
        }
        buffer_format(&allowed, "%s%s%s", allowed.length == 0 ? "" : ", ", route->method, reads ? ", HEAD" : "");
    }
    if (request->route == NULL && allowed.length == 0)
        http_answer_problem(request, 404, "unknown path");
    if (request->route == NULL && allowed.length > 0) {
        http_answer_problem(request, 405, "allowed: %s", buffer_text(&allowed));
        http_answer_header(request, MHD_HTTP_HEADER_ALLOW, buffer_text(&allowed));
    }
    buffer_free(&allowed);
}
