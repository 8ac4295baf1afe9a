/* The logs of a device: of its failures, and files that it was asked for. */
#include "clients/ctl/commands/device.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_log(struct table *table, const json_t *log)
{
    struct buffer size = {0};
    text_put_size(&size, document_number(log, "size"));
    table_add_id(table, TONE_STRONG, document_number(log, "log"));
    table_add_time(table, document_text(log, "received_at"));
    table_add_id(table, TONE_PLAIN, document_number(log, "rollout"));
    table_add(table, TONE_PLAIN, document_text(log, "name"));
    table_add_id(table, TONE_PLAIN, document_number(log, "instruction"));
    table_add_id(table, TONE_PLAIN, document_number(log, "attempt"));
    table_add(table, TONE_PLAIN, buffer_text(&size));
    buffer_free(&size);
}

static int list_logs(struct session *session)
{
    static const struct table_column columns[] = {
        {"LOG", true, 0, 0},         {"RECEIVED", false, 20, 0}, {"ROLLOUT", true, 0, 2}, {"NAME", false, 8, 0},
        {"INSTRUCTION", true, 0, 3}, {"ATTEMPT", true, 0, 0},    {"SIZE", true, 0, 1},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_put_text(&path, "/logs");
    const struct listing listing = {
        buffer_text(&path), "logs", columns, sizeof columns / sizeof *columns, add_log, false, limit, "no logs"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

/* Line ends and tabs stay; nothing else of a device may control the operator's terminal. */
void device_put_log(const struct session *session, const char *content, struct buffer *out)
{
    while (*content != '\0') {
        size_t length = strcspn(content, "\n\t");
        char *part = strndup(content, length);
        TC_CHECK(part != NULL);
        (void)text_put_clean(out, part, 0, session->out.utf8);
        free(part);
        content += length;
        if (*content != '\0')
            buffer_put(out, content++, 1);
    }
    if (out->length > 0 && out->bytes[out->length - 1] != '\n')
        buffer_put_text(out, "\n");
}

static int show_log(struct session *session)
{
    int code;
    const char *number = session_argument(session, 1);
    struct buffer path = {0}, subject = {0}, text = {0};
    if (number[strspn(number, "0123456789")] != '\0')
        return session_fail_usage(session, "LOG: found \"%.80s\", allowed: a number of the list", number);
    buffer_format(&path, "/v1/logs/%s", number);
    buffer_format(&subject, "log %s", number);
    json_t *document = session_get(session, buffer_text(&path), buffer_text(&subject), &code);
    buffer_free(&path);
    buffer_free(&subject);
    if (document == NULL)
        return code;
    code = EXIT_HEALTHY;
    if (strcmp(document_text(document, "device"), session_argument(session, 0)) != 0)
        code = session_fail(session, EXIT_ERROR, "log %s is of device %s", number, document_text(document, "device"));
    else if (session->json)
        session_put_json(session, document);
    else
        device_put_log(session, document_text(document, "content"), &text);
    session_put(&text);
    buffer_free(&text);
    json_decref(document);
    return code;
}

int run_device_logs(struct session *session)
{
    return session->invocation->argument_count > 1 ? show_log(session) : list_logs(session);
}
