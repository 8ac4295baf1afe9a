/* Lists that the daemon writes, as CSV or as JSON lines: an element is a line. */
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/session.h"

#include <inttypes.h>
#include <stdlib.h>
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

/* Takes the text of an answer; false: no more are needed. */
typedef bool take_answer(void *context, const char *text, bool is_first);

/* Asks for the answers of a list, each led to by the one before. */
static int walk_answers(struct session *session, const char *path, const char *format, int64_t limit,
                        const char *subject, take_answer *take, void *context)
{
    int code = EXIT_HEALTHY;
    struct buffer whole = {0}, text = {0}, next = {0};
    buffer_put_text(&whole, path);
    query_put_name(&whole, "format");
    buffer_put_text(&whole, format);
    if (limit > 0)
        buffer_format(&whole, "&limit=%" PRId64, limit);
    for (bool is_first = true;; is_first = false) {
        code = get_answer(session, buffer_text(&whole), subject, &text, &next);
        if (code != EXIT_HEALTHY || !take(context, buffer_text(&text), is_first) || next.length == 0)
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

static bool has_titles(const char *format)
{
    return strcmp(format, "csv") == 0;
}

struct passing {
    bool has_titles;
    int64_t left; /* lines; -1: all */
};

static bool pass_lines(void *context, const char *text, bool is_first)
{
    struct passing *passing = context;
    put_lines(text, passing->has_titles, is_first, &passing->left);
    return passing->left != 0;
}

int session_pass(struct session *session, const char *path, const char *format, const char *subject, int64_t most)
{
    struct passing passing = {.has_titles = has_titles(format), .left = most == 0 ? -1 : most};
    int64_t limit = most < ANSWER_LINES ? most : ANSWER_LINES;
    return walk_answers(session, path, format, limit, subject, pass_lines, &passing);
}

/* ---- counts ---- */

struct counting {
    bool has_titles;
    struct buffer titles, tail; /* tail: what follows a count, up to the end of its line */
    json_t *counts;             /* by what precedes the count */
};

/* Adds the count of a line, its last digits. */
static void add_line(struct counting *counting, const char *line, size_t length)
{
    static const char digits[] = "0123456789";
    size_t end = length;
    while (end > 0 && strchr(digits, line[end - 1]) == NULL)
        end--;
    size_t begin = end;
    while (begin > 0 && strchr(digits, line[begin - 1]) != NULL)
        begin--;
    char *counted = strndup(line, begin);
    TC_CHECK(counted != NULL);
    int64_t count = strtoll(line + begin, NULL, 10) + document_number(counting->counts, counted);
    TC_CHECK(json_object_set_new(counting->counts, counted, json_integer(count)) == 0);
    free(counted);
    buffer_clear(&counting->tail);
    buffer_put(&counting->tail, line + end, length - end);
}

static bool add_lines(void *context, const char *text, bool is_first)
{
    struct counting *counting = context;
    const char *line = counting->has_titles ? skip_line(text) : text;
    if (is_first)
        buffer_put(&counting->titles, text, (size_t)(line - text));
    for (const char *next; *line != '\0'; line = next) {
        next = skip_line(line);
        add_line(counting, line, (size_t)(next - line));
    }
    return true;
}

static void put_counts(const struct counting *counting)
{
    struct buffer out = {0};
    const char *line;
    const json_t *count;
    buffer_put(&out, counting->titles.bytes, counting->titles.length);
    json_object_foreach(counting->counts, line, count)
    {
        buffer_format(&out, "%s%" JSON_INTEGER_FORMAT "%s", line, json_integer_value(count),
                      buffer_text(&counting->tail));
    }
    session_put(&out);
    buffer_free(&out);
}

int session_pass_counts(struct session *session, const char *path, const char *format, const char *subject)
{
    struct counting counting = {.has_titles = has_titles(format), .counts = json_object()};
    int code = walk_answers(session, path, format, 0, subject, add_lines, &counting);
    if (code == EXIT_HEALTHY)
        put_counts(&counting);
    buffer_free(&counting.titles);
    buffer_free(&counting.tail);
    json_decref(counting.counts);
    return code;
}
