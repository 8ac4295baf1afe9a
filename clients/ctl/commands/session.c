#include "clients/ctl/commands/session.h"

#include "base/file.h"
#include "clients/ctl/commands/help.h"
#include "clients/ctl/screen/text.h"
#include "config/operation.h"
#include "config/scalar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void session_open(struct session *session, const struct invocation *invocation)
{
    *session = (struct session){
        .invocation = invocation,
        .out = screen_detect(stdout),
        .err = screen_detect(stderr),
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

bool session_confirm(const struct session *session, const char *question)
{
    char *line = NULL;
    size_t size = 0;
    if (session_has(session, "yes") || !session->err.terminal || isatty(STDIN_FILENO) != 1)
        return true;
    (void)fprintf(stderr, "%s [y/N] ", question);
    (void)fflush(stderr);
    bool answered = getline(&line, &size, stdin) > 0;
    bool yes = answered && (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
    if (!answered)
        (void)fputc('\n', stderr);
    free(line);
    return yes;
}

int session_fail(const struct session *session, int code, const char *format, ...)
{
    struct buffer start = {0};
    screen_begin_tone(&session->err, TONE_BAD, &start);
    buffer_put_text(&start, "tellercast: ");
    screen_end_tone(&session->err, TONE_BAD, &start);
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
    (void)text_put_clean(&text, fault->text, 0, session->err.utf8);
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

bool session_read_file(const struct session *session, const char *path, size_t most_bytes, struct buffer *content,
                       int *code)
{
    struct tc_fault fault;
    if (file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, most_bytes, content, &fault) == TC_OK)
        return true;
    /* An unreadable local file must not exit like an unreachable server. */
    *code = session_fail(session, fault.code == TC_TOO_LARGE ? EXIT_INVALID : EXIT_ERROR, "%s", fault.text);
    return false;
}

bool session_time_option(const struct session *session, const char *name, char time[static TC_TIME_TEXT_SIZE],
                         int *code)
{
    const char *text = session_option(session, name);
    int64_t time_ms;
    if (scalar_read_duration(text, &time_ms)) {
        time_ms += clock_now_ms();
    } else if (!clock_parse(text, strlen(text), &time_ms)) {
        *code = session_fail_usage(
            session, "--%s: found \"%.40s\", allowed: a duration such as 6h, or a time such as 2026-12-01T06:00:00Z",
            name, text);
        return false;
    }
    clock_format(time_ms, time);
    return true;
}

const char *session_reason(const struct session *session, int *code)
{
    const char *reason = session_option(session, "reason");
    if (operation_reason_is_valid(reason))
        return reason;
    *code = session_fail_usage(session, "--reason: must be 1 to %d characters in one line, not blank",
                               OPERATION_REASON_CHARACTERS);
    return NULL;
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

/* Returns whether a text needs no quotes in a list separated by commas. */
static bool is_plain(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at <= ' ' || strchr(",=\"", *at) != NULL)
            return false;
    }
    return *text != '\0';
}

/* Writes at most VALUE_MAX bytes, and no partial character. */
static void put_bounded(const char *text, struct buffer *out)
{
    enum { VALUE_MAX = 400 };
    size_t length = strlen(text), most = length;
    if (length > VALUE_MAX) {
        for (most = VALUE_MAX; ((unsigned char)text[most] & 0xC0U) == 0x80U;)
            most--;
    }
    buffer_put(out, text, most);
    if (most < length)
        buffer_format(out, "... (cut, %zu bytes in total)", length);
}

/* Numbers of a plan have at most 15 digits; with this precision 2.3 stays 2.3. */
static void put_value(const json_t *value, struct buffer *out)
{
    if (json_is_string(value) && is_plain(json_string_value(value))) {
        put_bounded(json_string_value(value), out);
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    TC_CHECK(text != NULL);
    put_bounded(text, out);
    free(text);
}

static int compare_keys(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void put_key(const char *key, struct buffer *out)
{
    json_t *text = json_string(key);
    TC_CHECK(text != NULL);
    put_value(text, out);
    json_decref(text);
}

void document_put_pairs(const json_t *object, struct buffer *out)
{
    size_t count = json_object_size(object), i = 0;
    const char **keys = calloc(count + 1, sizeof *keys);
    const char *key;
    const json_t *value;
    TC_CHECK(keys != NULL);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        keys[i++] = key;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    for (i = 0; i < count; i++) {
        buffer_put_text(out, i == 0 ? "" : ", ");
        put_key(keys[i], out);
        buffer_put_text(out, "=");
        put_value(json_object_get(object, keys[i]), out);
    }
    free(keys);
}

bool session_duration_s(const struct session *session, const char *option, int64_t *seconds, int *code)
{
    enum { MS_PER_SECOND = 1000 };
    int64_t duration_ms;
    const char *text = session_option(session, option);
    if (scalar_read_duration(text, &duration_ms) && duration_ms >= MS_PER_SECOND) {
        *seconds = duration_ms / MS_PER_SECOND;
        return true;
    }
    *code = session_fail_usage(
        session, "--%s: found \"%.32s\", allowed: a duration of at least a second, such as 12h or 30d", option, text);
    return false;
}
