#include "orchestrator/queues/submission.h"

#include "orchestrator/rollout/words.h"
#include "topics/json_text.h"

const char *endpoint_name(enum endpoint endpoint)
{
    switch (endpoint) {
    case ENDPOINT_HTTP: return "http";
    case ENDPOINT_MQTT: return "mqtt";
    case ENDPOINT_SOCKET: return "socket";
    case ENDPOINT_ROLLBACK: return "rollback";
    case ENDPOINT_COLLECT: return COLLECT_ENDPOINT;
    }
    tc_check_failed("known endpoint", __FILE__, __LINE__);
}

/* The reason phrases of RFC 9110 and RFC 6585 for the statuses that this program returns. */
static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *submission_status_title(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    tc_check_failed("known HTTP status", __FILE__, __LINE__);
}

static void begin_problem(int status, const char *detail, struct buffer *body)
{
    buffer_format(body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                  submission_status_title(status), status);
    json_text_put(body, detail);
}

void submission_write_problem(int status, const char *detail, struct buffer *body)
{
    begin_problem(status, detail, body);
    buffer_put_text(body, "}");
}

void submission_write_faults(int status, const char *what, const struct document_faults *faults, struct buffer *body)
{
    struct buffer detail = {0};
    buffer_format(&detail, "the %s has %zu fault%s", what, faults->total, faults->total == 1 ? "" : "s");
    begin_problem(status, buffer_text(&detail), body);
    buffer_put_text(body, ",\"errors\":");
    json_t *errors = document_faults_json(faults);
    json_text_put_value(body, errors);
    json_decref(errors);
    buffer_put_text(body, "}");
    buffer_free(&detail);
}

void submissions_drop(struct batch_queue *submissions)
{
    batch_queue_close(submissions);
    struct submission *submission;
    while (batch_queue_take(submissions, &submission, 1, 0, 0) == 1)
        submission->dropped(submission);
}
