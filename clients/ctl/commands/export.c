/* Lists as CSV, for a spreadsheet. */
#include "clients/ctl/commands/csv.h"
#include "clients/ctl/commands/device_filter.h"
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"

static const char *const columns[] = {"device", "branch",   "role",        "model",     "state",
                                      "labels", "versions", "versions_at", "retired_at"};
enum { COLUMNS = sizeof columns / sizeof *columns };

static bool write_device(void *context, const json_t *device)
{
    struct buffer line = {0};
    (void)context;
    for (size_t i = 0; i < COLUMNS; i++) {
        buffer_put_text(&line, i == 0 ? "" : ",");
        csv_put_field(&line, json_object_get(device, columns[i]));
    }
    buffer_put_text(&line, "\r\n");
    session_put(&line);
    buffer_free(&line);
    return true;
}

int run_export_devices(struct session *session)
{
    struct buffer path = {0}, titles = {0};
    for (size_t i = 0; i < COLUMNS; i++)
        buffer_format(&titles, "%s%s", i == 0 ? "" : ",", columns[i]);
    buffer_put_text(&titles, "\r\n");
    session_put(&titles);
    buffer_put_text(&path, "/v1/devices");
    (void)device_filter_put(session, &path);
    (void)query_put_options(session, "online", "online", &path);
    int code = session_walk(session, buffer_text(&path), "devices", write_device, NULL);
    buffer_free(&path);
    buffer_free(&titles);
    return code;
}
