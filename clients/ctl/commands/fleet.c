#include "config/fleet.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <string.h>
#include <strings.h>

static const size_t fleet_bytes_max = (size_t)256 << 20;

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcasecmp(text + length - strlen(end), end) == 0;
}

static bool find_format(const struct session *session, const char *path, enum fleet_format *format, int *code)
{
    const char *name = session_option(session, "format");
    if (name == NULL && ends_with(path, ".csv"))
        name = "csv";
    if (name == NULL && (ends_with(path, ".yaml") || ends_with(path, ".yml") || ends_with(path, ".json")))
        name = "yaml";
    if (name == NULL || (strcmp(name, "csv") != 0 && strcmp(name, "yaml") != 0)) {
        *code = session_fail_usage(session, "%s: say what it is written in: --format csv or --format yaml", path);
        return false;
    }
    *format = strcmp(name, "csv") == 0 ? FLEET_CSV : FLEET_YAML;
    return true;
}

static void put_change(const json_t *answer, const char *what, struct buffer *out)
{
    const json_t *change = json_object_get(answer, what);
    buffer_format(out, "%-8s  ", what);
    text_put_count(out, document_number(change, "added"));
    buffer_put_text(out, " added, ");
    text_put_count(out, document_number(change, "changed"));
    buffer_put_text(out, " changed, ");
    text_put_count(out, document_number(change, "same"));
    buffer_put_text(out, " the same\n");
}

static int import(struct session *session, const char *path, enum fleet_format format, const struct buffer *content)
{
    int code = EXIT_ERROR;
    struct tc_fault fault;
    struct http_answer answer;
    struct http *http = session_http(session, &code);
    if (http == NULL)
        return code;
    const struct http_request request = {
        .method = "PUT",
        .path = "/v1/fleet",
        .content_type = format == FLEET_CSV ? "text/csv" : "application/yaml",
        .body = buffer_text(content),
        .length = content->length,
    };
    if (http_send(http, &request, &answer, &fault) != TC_OK)
        return session_fail_fault(session, &fault);
    if (!http_answer_is_good(&answer)) {
        code = session_report_problem(session, path, answer.status, answer.document);
    } else if (session->json) {
        session_put_json(session, answer.document);
        code = EXIT_HEALTHY;
    } else {
        struct buffer text = {0};
        put_change(answer.document, "branches", &text);
        put_change(answer.document, "devices", &text);
        session_put(&text);
        buffer_free(&text);
        code = EXIT_HEALTHY;
    }
    http_answer_free(&answer);
    return code;
}

static void say_read(const struct session *session, const char *path, const struct fleet *fleet)
{
    struct buffer text = {0};
    text_put_count(&text, (int64_t)fleet->branch_count);
    buffer_put_text(&text, fleet->branch_count == 1 ? " branch, " : " branches, ");
    text_put_count(&text, (int64_t)fleet->device_count);
    buffer_put_text(&text, fleet->device_count == 1 ? " device" : " devices");
    session_say(session, "%s: %s, no fault found here", path, buffer_text(&text));
    buffer_free(&text);
}

int run_fleet_import(struct session *session)
{
    const char *path = session_argument(session, 0);
    int code = EXIT_HEALTHY;
    enum fleet_format format;
    struct buffer content = {0};
    struct document_faults faults = {0};
    struct fleet *fleet = NULL;
    if (!find_format(session, path, &format, &code) ||
        !session_read_file(session, path, fleet_bytes_max, &content, &code))
        return code;
    if (fleet_parse(format, buffer_text(&content), content.length, &fleet, &faults) != TC_OK) {
        code = session_report_faults(session, path, &faults);
    } else {
        say_read(session, path, fleet);
        fleet_free(fleet);
        if (!session_has(session, "dry-run"))
            code = import(session, path, format, &content);
    }
    document_faults_free(&faults);
    buffer_free(&content);
    return code;
}
