#include "clients/ctl/commands/session.h"

#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Writes one fault: "plan.yaml:12:7: spec.rate: found …", without an unknown position or path. */
static void put_fault(const struct session *session, const char *file, const json_t *fault, struct buffer *out)
{
    int64_t line = document_number(fault, "line");
    int64_t column = document_number(fault, "column");
    const char *path = document_text(fault, "path");
    screen_begin_tone(&session->err, TONE_STRONG, out);
    (void)text_put_clean(out, file, 0, session->err.utf8);
    if (line > 0)
        buffer_format(out, ":%" PRId64, line);
    if (line > 0 && column > 0)
        buffer_format(out, ":%" PRId64, column);
    screen_end_tone(&session->err, TONE_STRONG, out);
    buffer_put_text(out, ": ");
    if (*path != '\0') {
        (void)text_put_clean(out, path, 0, session->err.utf8);
        buffer_put_text(out, ": ");
    }
    (void)text_put_clean(out, document_text(fault, "detail"), 0, session->err.utf8);
    buffer_put_text(out, "\n");
}

static void put_faults(const struct session *session, const char *file, const json_t *faults)
{
    struct buffer out = {0};
    size_t i;
    const json_t *fault;
    json_array_foreach(faults, i, fault)
    {
        put_fault(session, file, fault, &out);
    }
    (void)fwrite(buffer_text(&out), 1, out.length, stderr);
    buffer_free(&out);
}

int session_report_faults(const struct session *session, const char *file, const struct document_faults *faults)
{
    json_t *list = document_faults_json(faults);
    put_faults(session, file, list);
    if (session->json) {
        json_t *document = json_pack("{s:s, s:b, s:I, s:O}", "file", file, "valid", 0, "faults",
                                     (json_int_t)faults->total, "errors", list);
        TC_CHECK(document != NULL);
        session_put_json(session, document);
        json_decref(document);
    }
    json_decref(list);
    if (faults->total > faults->count)
        session_say(session, "%s: and %zu more faults", file, faults->total - faults->count);
    return session_fail(session, EXIT_INVALID, "%s: %zu fault%s; nothing was changed", file, faults->total,
                        faults->total == 1 ? "" : "s");
}

static const char *advice(int status)
{
    switch (status) {
    case 401: return "; pass your token with --token-file";
    case 503: return "; try again later";
    default: return "";
    }
}

int session_report_problem(const struct session *session, const char *subject, int status, const json_t *problem)
{
    const char *detail = document_text(problem, "detail");
    const char *title = document_text(problem, "title");
    struct buffer text = {0};
    if (session->json && problem != NULL)
        session_put_json(session, problem);
    put_faults(session, subject, json_object_get(problem, "errors"));
    (void)text_put_clean(&text, *detail == '\0' ? "the server answered" : detail, 0, session->err.utf8);
    buffer_format(&text, " (%d%s", status, *title == '\0' ? "" : " ");
    (void)text_put_clean(&text, title, 0, session->err.utf8);
    buffer_put_text(&text, ")");
    int code = session_fail(session, (int)exit_code_of_status(status), "%s: %s%s", subject, buffer_text(&text),
                            advice(status));
    buffer_free(&text);
    return code == EXIT_HEALTHY ? EXIT_ERROR : code;
}
