/* Lists as CSV, for a spreadsheet. */
#include "clients/ctl/commands/audit.h"
#include "clients/ctl/commands/branch.h"
#include "clients/ctl/commands/device_filter.h"
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"

#include <inttypes.h>
#include <string.h>

static int export(struct session *session, struct buffer *path, const char *subject)
{
    int code = session_pass(session, buffer_text(path), "csv", subject, 0);
    buffer_free(path);
    return code;
}

int run_export_devices(struct session *session)
{
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/devices");
    (void)device_filter_put(session, &path);
    (void)query_put_options(session, "online", "online", &path);
    return export(session, &path, "devices");
}

int run_export_branches(struct session *session)
{
    struct buffer path = {0};
    branch_filter_put(session, &path);
    return export(session, &path, "branches");
}

/* The list of a rollout that the first argument names. */
static int export_of_rollout(struct session *session, const char *list)
{
    int64_t id;
    int code;
    if (!rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    struct buffer path = {0};
    buffer_format(&path, "/v1/rollouts/%" PRId64 "/%s", id, list);
    return export(session, &path, session_argument(session, 0));
}

int run_export_instructions(struct session *session)
{
    return export_of_rollout(session, "instructions");
}

int run_export_failures(struct session *session)
{
    return export_of_rollout(session, "failures/devices");
}

int run_export_versions(struct session *session)
{
    struct buffer path = {0};
    const char *format = session_option(session, "format");
    if (strcmp(format, "csv") != 0 && strcmp(format, "json-lines") != 0)
        return session_fail_usage(session, "--format: found \"%.40s\", allowed: csv or json-lines", format);
    buffer_put_text(&path, "/v1/versions");
    (void)device_filter_put(session, &path);
    int code = session_pass_counts(session, buffer_text(&path), format, "versions");
    buffer_free(&path);
    return code;
}

int run_export_audit(struct session *session)
{
    struct buffer path = {0};
    int code = EXIT_HEALTHY;
    if (audit_filter_put(session, &path, &code))
        return export(session, &path, "acts");
    buffer_free(&path);
    return code;
}
