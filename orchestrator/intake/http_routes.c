#include "orchestrator/intake/http_device_filter.h"
#include "orchestrator/intake/http_request.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct http_route http_routes[] = {
    {"POST", "/v1/rollouts",                       "",                        ACCESS_SUBMIT,            ASYNC,  rollout_begin,   rollout_submit},
    {"POST", "/v1/rollouts:preview",               "",                        ACCESS_PREVIEW,           JOB,    rollout_begin,   rollout_preview},
    {"GET",  "/v1/rollouts",                       "reference after limit",   ACCESS_READ_ROLLOUTS,     JOB,    NULL,            rollouts_list},
    {"GET",  "/v1/rollouts/{id}",                  "",                        ACCESS_READ_ROLLOUTS,     JOB,    NULL,            rollout_show},
    {"GET",  "/v1/rollouts/{id}/instructions",     "state group after limit format", ACCESS_READ_ROLLOUTS,     JOB,    NULL,            instructions_list},
    {"GET",  "/v1/rollouts/{id}/failures",         "by",                      ACCESS_READ_ROLLOUTS,     JOB,    NULL,            failures_list},
    {"GET",  "/v1/rollouts/{id}/failures/devices", "code model version label without state after limit format", ACCESS_READ_ROLLOUTS, JOB, NULL, failed_devices_list},
    {"GET",  "/v1/rollouts/{id}/drift",            "",                        ACCESS_READ_EVIDENCE,     JOB,    NULL,            rollout_drift},
    {"GET",  "/v1/rollouts/{id}/why",              "",                        ACCESS_READ_ROLLOUTS,     JOB,    NULL,            rollout_why},
    {"GET",  "/v1/rollouts/{id}/forecast",         "",                        ACCESS_READ_ROLLOUTS,     JOB,    NULL,            rollout_forecast},
    {"GET",  "/v1/rollouts/{id}/report",           "",                        ACCESS_READ_EVIDENCE,     JOB,    NULL,            rollout_evidence},
    {"POST", "/v1/rollouts/{id}/approve",          "",                        ACCESS_APPROVE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/reject",           "",                        ACCESS_APPROVE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/pause",            "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/resume",           "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/cancel",           "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/retry",            "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/promote",          "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/exclude",          "",                        ACCESS_EXCLUDE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/exclude:preview",  "",                        ACCESS_PREVIEW_EXCLUSION, JOB,    operation_begin, operation_preview_show},
    {"POST", "/v1/rollouts/{id}/skip",             "",                        ACCESS_EXCLUDE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/skip:preview",     "",                        ACCESS_PREVIEW_EXCLUSION, JOB,    operation_begin, operation_preview_show},
    {"POST", "/v1/rollouts/{id}/pause-group",      "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/pause-group:preview", "",                     ACCESS_READ_EVIDENCE,     JOB,    operation_begin, operation_preview_show},
    {"POST", "/v1/rollouts/{id}/resume-group",     "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/resume-group:preview", "",                    ACCESS_READ_EVIDENCE,     JOB,    operation_begin, operation_preview_show},
    {"POST", "/v1/rollouts/{id}/break-glass",      "",                        ACCESS_BREAK_GLASS,       JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/rollback",         "",                        ACCESS_OPERATE,           JOB,    operation_begin, operation_carry_out},
    {"GET",  "/v1/rollouts/{id}/amendments",       "after limit",             ACCESS_READ_EVIDENCE,     JOB,    NULL,            amendments_list},
    {"POST", "/v1/rollouts/{id}/amendments",       "",                        ACCESS_AMEND,             JOB,    operation_begin, amendment_order},
    {"POST", "/v1/rollouts/{id}/amendments:preview", "",                      ACCESS_READ_EVIDENCE,     JOB,    operation_begin, amendment_preview_show},
    {"POST", "/v1/rollouts/{id}/amendments/{number}/approve", "",             ACCESS_APPROVE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/amendments/{number}/reject", "",              ACCESS_APPROVE,           JOB,    operation_begin, operation_carry_out},
    {"POST", "/v1/rollouts/{id}/amendments/{number}/withdraw", "",            ACCESS_AMEND,             JOB,    operation_begin, operation_carry_out},
    {"PUT",  "/v1/rollouts/{id}/plan",             "version reason",          ACCESS_REVISE,            ASYNC,  revision_begin,  revision_submit},
    {"GET",  "/v1/overview",                       "",                        ACCESS_READ_ROLLOUTS,     JOB,    NULL,            overview_show},
    {"GET",  "/v1/approvals",                      "",                        ACCESS_READ_ROLLOUTS,     JOB,    NULL,            approvals_list},
    {"GET",  "/v1/reviews",                        "state after limit",       ACCESS_READ_REVIEWS,      JOB,    NULL,            reviews_list},
    {"POST", "/v1/reviews/{review}/accept",        "",                        ACCESS_REVIEW,            JOB,    operation_begin, review_accept},
    {"POST", "/v1/reviews/{review}/object",        "",                        ACCESS_REVIEW,            JOB,    operation_begin, review_object},
    {"GET",  "/v1/freezes",                        "state after limit",       ACCESS_READ_FREEZES,      JOB,    NULL,            freezes_list},
    {"POST", "/v1/freezes",                        "",                        ACCESS_FREEZE,            JOB,    operation_begin, freeze_order},
    {"POST", "/v1/freezes:preview",                "",                        ACCESS_PREVIEW_FREEZE,    JOB,    operation_begin, freeze_preview_show},
    {"GET",  "/v1/freezes/{freeze}",               "",                        ACCESS_READ_FREEZES,      JOB,    NULL,            freeze_show},
    {"GET",  "/v1/freezes/{freeze}/lift",          "",                        ACCESS_READ_FREEZES,      JOB,    NULL,            freeze_lift_preview_show},
    {"POST", "/v1/freezes/{freeze}/lift",          "",                        ACCESS_LIFT_FREEZE,       JOB,    operation_begin, freeze_lift_order},
    {"GET",  "/v1/events",                         "after kind+ rollout device follow", ACCESS_READ_EVENTS, EITHER, NULL,        events_follow},
    {"GET",  "/v1/devices",                        "q label+ model version state online after limit format", ACCESS_READ_FLEET, JOB, NULL, devices_list},
    {"GET",  "/v1/devices/{id}",                   "",                        ACCESS_READ_FLEET,        JOB,    NULL,            device_show},
    {"GET",  "/v1/devices/{id}/why",               "",                        ACCESS_READ_FLEET,        JOB,    NULL,            device_why},
    {"GET",  "/v1/branches/{id}/why",              "",                        ACCESS_READ_FLEET,        JOB,    NULL,            branch_why},
    {"GET",  "/v1/devices/{id}/logs",              "after limit",             ACCESS_READ_FLEET,        JOB,    NULL,            device_logs_list},
    {"GET",  "/v1/logs/{log}",                     "",                        ACCESS_OPEN_LOG,          JOB,    NULL,            log_show},
    {"POST", "/v1/devices/{id}/collect",           "",                        ACCESS_COLLECT,           ASYNC,  collect_begin,   device_collect},
    {"POST", "/v1/devices/{id}/return",            "",                        ACCESS_RETURN_DEVICE,     JOB,    operation_begin, device_return},
    {"POST", "/v1/devices/{id}/enrolments",        "valid_for_s",             ACCESS_ENROL_DEVICE,      JOB,    NULL,            device_make_code},
    {"POST", "/v1/devices/{id}/revoke",            "",                        ACCESS_REMOVE_DEVICE,     JOB,    operation_begin, device_revoke},
    {"GET",  "/v1/devices:crl",                    "",                        ACCESS_READ_ARTIFACTS,    JOB,    NULL,            revocations_show},
    {"POST", "/v1/devices/{id}/retire",            "",                        ACCESS_REMOVE_DEVICE,     JOB,    operation_begin, device_retire},
    {"GET",  "/v1/versions",                       "q label+ model version state after format", ACCESS_READ_FLEET, JOB, NULL,           versions_count},
    {"GET",  "/v1/branches",                       "q label+ at_budget without_machine after limit format", ACCESS_READ_FLEET, JOB, NULL,   branches_list},
    {"GET",  "/v1/branches/{id}",                  "",                        ACCESS_READ_FLEET,        JOB,    NULL,            branch_show},
    {"PUT",  "/v1/fleet",                          "default_zone",            ACCESS_IMPORT_FLEET,      JOB,    fleet_begin,     fleet_import},
    {"GET",  "/v1/artifacts",                      "",                        ACCESS_READ_ARTIFACTS,    JOB,    NULL,            artifacts_list},
    {"POST", "/v1/artifacts:block",                "name version",            ACCESS_BLOCK_VERSION,     JOB,    operation_begin, version_block_put},
    {"POST", "/v1/artifacts:unblock",              "name version",            ACCESS_UNBLOCK_VERSION,   JOB,    operation_begin, version_unblock},
    {"GET",  "/v1/artifacts:affected",             "name version after limit", ACCESS_READ_AFFECTED,    JOB,    NULL,            version_affected},
    {"PUT",  "/v1/artifacts/{sha256}",             "name version",            ACCESS_ADD_ARTIFACT,      JOB,    artifact_begin,  artifact_put},
    {"GET",  "/v1/artifacts/{sha256}",             "",                        ACCESS_DOWNLOAD,          EITHER, NULL,            artifact_send},
    {"GET",  "/v1/installation",                   "",                        ACCESS_READ_INSTALLATION, JOB,    NULL,            installation_show},
    {"POST", "/v1/installation/accept-restored",   "",                        ACCESS_ACCEPT_RESTORED,   JOB,    operation_begin, installation_accept_restored},
    {"GET",  "/v1/unknown-orders",                 "device after limit",      ACCESS_READ_INSTALLATION, JOB,    NULL,            unknown_orders_list},
    {"GET",  "/v1/keys",                           "",                        ACCESS_READ_INSTALLATION, JOB,    NULL,            keys_list},
    {"POST", "/v1/keys:rotate",                    "",                        ACCESS_MANAGE_KEYS,       JOB,    operation_begin, keys_rotate},
    {"GET",  "/v1/keys/{key}/devices",             "lacking after limit",     ACCESS_READ_INSTALLATION, JOB,    NULL,            key_devices_list},
    {"POST", "/v1/keys/{key}/revoke",              "last",                    ACCESS_MANAGE_KEYS,       JOB,    operation_begin, key_revoke},
    {"POST", "/v1/keys/{key}/use",                 "",                        ACCESS_MANAGE_KEYS,       JOB,    operation_begin, key_use},
    {"GET",  "/v1/webhooks",                       "",                        ACCESS_READ_INSTALLATION, JOB,    NULL,            webhooks_show},
    {"POST", "/v1/webhooks/{webhook}/test",        "",                        ACCESS_TEST_WEBHOOK,      JOB,    NULL,            webhook_test},
    {"GET",  "/v1/broker/guard",                   "",                        ACCESS_READ_INSTALLATION, INLINE, NULL,            guard_show},
    {"GET",  "/v1/audit",                          "person verb object since_ms until_ms after limit format", ACCESS_READ_AUDIT, JOB, NULL,        acts_page},
    {"GET",  "/v1/me",                             "",                        ACCESS_READ_OWN,          JOB,    NULL,            person_show_self},
    {"GET",  "/v1/people",                         "after limit",             ACCESS_READ_PEOPLE,       JOB,    NULL,            people_page},
    {"POST", "/v1/people",                         "name",                    ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_create},
    {"GET",  "/v1/people/{name}",                  "",                        ACCESS_READ_PEOPLE,       JOB,    NULL,            person_show},
    {"POST", "/v1/people/{name}/disable",          "",                        ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_disable},
    {"POST", "/v1/people/{name}/enable",           "",                        ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_enable},
    {"POST", "/v1/people/{name}/grant",            "role match",              ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_grant},
    {"POST", "/v1/people/{name}/withdraw",         "role match",              ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_withdraw},
    {"POST", "/v1/people/{name}/link",             "kind alias",              ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_link},
    {"POST", "/v1/people/{name}/unlink",           "kind alias",              ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            person_unlink},
    {"GET",  "/v1/login",                          "",                        ACCESS_SIGN_IN,           INLINE, NULL,            sign_in_begin},
    {"GET",  "/v1/login/callback",                 "*",                       ACCESS_SIGN_IN,           ASYNC,  sign_in_check,   sign_in_end},
    {"POST", "/v1/logout",                         "",                        ACCESS_SIGN_OUT,          JOB,    NULL,            sign_out},
    {"GET",  "/v1/tokens",                         "person after limit",      ACCESS_READ_OWN,          JOB,    NULL,            tokens_page},
    {"POST", "/v1/tokens",                         "person valid_for_s",      ACCESS_MAKE_OWN_TOKEN,    JOB,    NULL,            token_create},
    {"POST", "/v1/tokens/{token}/confirm",         "",                        ACCESS_MANAGE_PEOPLE,     JOB,    NULL,            token_confirm},
    {"POST", "/v1/tokens/{token}/revoke",          "",                        ACCESS_MAKE_OWN_TOKEN,    JOB,    NULL,            token_revoke},
    {"GET",  "/metrics",                           "",                        ACCESS_PUBLIC,            INLINE, NULL,            metrics_show},
    {"GET",  "/healthz",                           "",                        ACCESS_PUBLIC,            INLINE, NULL,            health_show},
    {"GET",  "/readyz",                            "",                        ACCESS_PUBLIC,            INLINE, NULL,            readiness_show},
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

static void put_act(const char *act, enum access_operation operation, struct buffer *text)
{
    struct buffer roles = {0};
    access_operation_put_roles(operation, &roles);
    buffer_format(text, "%-40s  %-17s  %-17s  %s: %s\n", act, buffer_text(&roles),
                  access_reach_name(access_operation_reach(operation)), access_operation_name(operation),
                  access_operation_words(operation));
    buffer_free(&roles);
}

void intake_write_access(struct buffer *text)
{
    for (size_t i = 0; i < http_route_count; i++) {
        char act[64];
        TC_CHECK(access_operation_is_at(http_routes[i].operation, AT_HTTP));
        (void)snprintf(act, sizeof act, "%s %s", http_routes[i].method, http_routes[i].path);
        put_act(act, http_routes[i].operation, text);
    }
    for (enum access_operation operation = 0; operation < ACCESS_OPERATION_COUNT; operation++) {
        if (access_operation_is_at(operation, AT_MQTT))
            put_act("MQTT", operation, text);
        if (access_operation_is_at(operation, AT_SOCKET))
            put_act("socket", operation, text);
    }
}
