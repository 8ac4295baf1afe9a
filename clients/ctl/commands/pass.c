/* Lists that the daemon writes, as CSV or as JSON lines: an element is a line. */
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/session.h"

#include <inttypes.h>
#include <string.h>

enum { ANSWER_LINES = 1000 }; /* the maximum of the parameter `limit` */

static const char *skip_line(const char *text)
{
    const char *end = strchr(text, '\n');
    return end == NULL ? text + strlen(text) : end + 1;
}

/* Writes an answer: its titles if it is the first, and at most `*left` lines. -1: all. */
static void put_lines(const char *text, bool has_titles, bool is_first, int64_t *left)
{
    struct buffer shown = {0};
    const char *lines = has_titles ? skip_line(text) : text, *end = lines;
    while (*end != '\0' && *left != 0) {
        end = skip_line(end);
        *left -= *left > 0;
    }
    if (is_first)
        buffer_put(&shown, text, (size_t)(lines - text));
    buffer_put(&shown, lines, (size_t)(end - lines));
    session_put(&shown);
    buffer_free(&shown);
}

/* Asks for one answer: its text, and in `next` the query of the rest. */
static int get_answer(struct session *session, const char *path, const char *subject, struct buffer *text,
                      struct buffer *next)
{
    int code;
    struct tc_fault fault;
    struct http_answer answer;
    struct http *http = session_http(session, &code);
    if (http == NULL)
        return code;
    const struct http_request request = {.method = "GET", .path = path, .text = text, .next = next};
    if (http_send(http, &request, &answer, &fault) != TC_OK)
        return session_fail_fault(session, &fault);
    code = EXIT_HEALTHY;
    if (answer.status != 200)
        code = session_report_problem(session, subject, answer.status, answer.document);
    http_answer_free(&answer);
    return code == EXIT_INVALID ? EXIT_ERROR : code;
}

int session_pass(struct session *session, const char *path, const char *format, const char *subject, int64_t most)
{
    const bool has_titles = strcmp(format, "csv") == 0;
    int64_t left = most == 0 ? -1 : most;
    int code = EXIT_HEALTHY;
    struct buffer whole = {0}, text = {0}, next = {0};
    buffer_put_text(&whole, path);
    query_put_name(&whole, "format");
    buffer_put_text(&whole, format);
    if (left > 0)
        buffer_format(&whole, "&limit=%d", left < ANSWER_LINES ? (int)left : ANSWER_LINES);
    for (bool is_first = true; left != 0; is_first = false) {
        code = get_answer(session, buffer_text(&whole), subject, &text, &next);
        if (code != EXIT_HEALTHY)
            break;
        put_lines(buffer_text(&text), has_titles, is_first, &left);
        if (next.length == 0)
            break;
        buffer_clear(&whole);
        buffer_format(&whole, "%.*s%s", (int)strcspn(path, "?"), path, buffer_text(&next));
        buffer_clear(&text);
        buffer_clear(&next);
    }
    buffer_free(&whole);
    buffer_free(&text);
    buffer_free(&next);
    return code;
}
