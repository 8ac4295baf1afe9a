#include "clients/ctl/commands/session.h"

#include "base/file.h"
#include "clients/ctl/commands/help.h"
#include "clients/ctl/screen/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void session_open(struct session *session, const struct invocation *invocation)
{
    *session = (struct session){
        .invocation = invocation,
        .out = look_at(stdout),
        .talk = look_at(stderr),
        .json = invocation_has(invocation, "json"),
        .quiet = invocation_has(invocation, "quiet"),
    };
}

void session_close(struct session *session)
{
    http_close(session->http);
    session->http = NULL;
}

const char *session_option(const struct session *session, const char *name)
{
    return invocation_option(session->invocation, name);
}

bool session_has(const struct session *session, const char *name)
{
    return invocation_has(session->invocation, name);
}

const char *session_argument(const struct session *session, size_t number)
{
    TC_CHECK(number < session->invocation->argument_count);
    return session->invocation->arguments[number];
}

__attribute__((format(printf, 2, 0))) static void write_line(const char *start, const char *format, va_list arguments)
{
    char text[2048];
    (void)vsnprintf(text, sizeof text, format, arguments);
    (void)fprintf(stderr, "%s%s\n", start, text);
}

void session_say(const struct session *session, const char *format, ...)
{
    if (session->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line("", format, arguments);
    va_end(arguments);
}

int session_fail(const struct session *session, int code, const char *format, ...)
{
    struct buffer start = {0};
    look_begin(&session->talk, TONE_BAD, &start);
    buffer_put_text(&start, "tellercast: ");
    look_end(&session->talk, TONE_BAD, &start);
    va_list arguments;
    va_start(arguments, format);
    write_line(buffer_text(&start), format, arguments);
    va_end(arguments);
    buffer_free(&start);
    return code;
}

int session_fail_fault(const struct session *session, const struct tc_fault *fault)
{
    struct buffer text = {0};
    (void)text_put_clean(&text, fault->text, 0, session->talk.utf8);
    int code = session_fail(session, (int)exit_code_of_error(fault->code), "%s", buffer_text(&text));
    buffer_free(&text);
    return code;
}

int session_fail_usage(const struct session *session, const char *format, ...)
{
    char text[512];
    struct buffer usage = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)session_fail(session, EXIT_USAGE, "%s", text);
    help_put_usage(session->invocation->command, &usage);
    (void)fprintf(stderr, "Usage: %s\n", buffer_text(&usage));
    buffer_free(&usage);
    return EXIT_USAGE;
}

void session_put(const struct buffer *text)
{
    (void)fwrite(buffer_text(text), 1, text->length, stdout);
}

void session_put_json(const struct session *session, const json_t *document)
{
    size_t flags = session->out.terminal ? JSON_INDENT(2) : JSON_COMPACT;
    (void)json_dumpf(document, stdout, flags | JSON_ENCODE_ANY);
    (void)fputc('\n', stdout);
}

struct http *session_http(struct session *session, int *code)
{
    struct tc_fault fault;
    if (session->http != NULL)
        return session->http;
    const struct http_options options = {
        .server = session_option(session, "server"),
        .token_file = session_option(session, "token-file"),
        .ca_file = session_option(session, "ca-file"),
        .author = session_option(session, "user"),
    };
    if (http_open(&options, &session->http, &fault) != TC_OK) {
        *code = session_fail_fault(session, &fault);
        return NULL;
    }
    return session->http;
}

json_t *session_send(struct session *session, const struct http_request *request, const char *subject, int *code)
{
    struct tc_fault fault;
    struct http_answer answer;
    struct http *http = session_http(session, code);
    if (http == NULL)
        return NULL;
    if (http_send(http, request, &answer, &fault) != TC_OK) {
        *code = session_fail_fault(session, &fault);
        return NULL;
    }
    if (!http_answer_is_good(&answer)) {
        *code = session_report_problem(session, subject, answer.status, answer.document);
        http_answer_free(&answer);
        return NULL;
    }
    *code = EXIT_HEALTHY;
    return answer.document;
}

json_t *session_get(struct session *session, const char *path, const char *subject, int *code)
{
    json_t *document = session_send(session, &(struct http_request){.method = "GET", .path = path}, subject, code);
    if (document == NULL && *code == EXIT_INVALID)
        *code = EXIT_ERROR; /* no plan was sent */
    return document;
}

bool session_read_file(const struct session *session, const char *path, size_t most_bytes, struct buffer *content,
                       int *code)
{
    struct tc_fault fault;
    if (file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, most_bytes, content, &fault) == TC_OK)
        return true;
    /* A file of ours that cannot be read is no server that cannot be reached. */
    *code = session_fail(session, fault.code == TC_TOO_LARGE ? EXIT_INVALID : EXIT_ERROR, "%s", fault.text);
    return false;
}

bool session_limit(const struct session *session, int64_t *limit, int *code)
{
    const char *text = session_option(session, "limit");
    *limit = 0;
    if (text == NULL)
        return true;
    char *end;
    long long number = strtoll(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != '\0') {
        *code = session_fail_usage(session, "--limit: found \"%.32s\", allowed: a number from 1", text);
        return false;
    }
    *limit = number;
    return true;
}

const char *document_text(const json_t *document, const char *key)
{
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

int64_t document_number(const json_t *document, const char *key)
{
    return json_integer_value(json_object_get(document, key));
}

void document_put_counted(struct buffer *out, int64_t count, const char *one, const char *more)
{
    text_put_count(out, count);
    buffer_format(out, " %s", count == 1 ? one : more);
}

void document_put_pairs(const json_t *object, struct buffer *out)
{
    const char *key;
    const json_t *value;
    const char *between = "";
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        buffer_format(out, "%s%s=%s", between, key, json_is_string(value) ? json_string_value(value) : "");
        between = ", ";
    }
}
