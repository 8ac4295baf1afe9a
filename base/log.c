#include "base/log.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static _Atomic(enum log_level) min_level = LOG_LEVEL_INFO;
static _Atomic(enum log_format) line_format = LOG_FORMAT_TEXT;

/* Limits the lines that others can cause at will. */
static struct log_limit limit;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

struct line {
    char text[LINE_SIZE];
    size_t length;
};

void log_set_level(enum log_level min)
{
    min_level = min;
}

void log_set_format(enum log_format format)
{
    line_format = format;
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *text, enum log_format *format)
{
    bool json = strcmp(text, "json") == 0;
    if (!json && strcmp(text, "text") != 0)
        return false;
    *format = json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return true;
}

const char *log_text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* Always leaves space for the closing bracket and the line end. */
static void put_char(struct line *line, char c)
{
    if (line->length < sizeof line->text - 2)
        line->text[line->length++] = c;
}

static void put_text(struct line *line, const char *text)
{
    for (; *text != '\0'; text++)
        put_char(line, *text);
}

/* The code of a control character, of one byte or, in C1, of two: their second byte is the code. */
static unsigned control_code(const char *text, size_t length)
{
    return (unsigned char)text[length - 1];
}

/* Appends one character and returns the text after it. Controls, which a terminal may obey, become \u00XX, and bytes
 * that are not UTF-8 '?'. */
static const char *put_escaped(struct line *line, const char *text)
{
    size_t length = utf8_character_length(text, strnlen(text, 4));
    if (*text == '"' || *text == '\\') {
        put_char(line, '\\');
        put_char(line, *text);
    } else if (utf8_is_control(text, length)) {
        char escape[8];
        (void)snprintf(escape, sizeof escape, "\\u%04x", control_code(text, length));
        put_text(line, escape);
    } else if (length == 0) {
        put_char(line, '?');
    } else {
        for (size_t i = 0; i < length; i++)
            put_char(line, text[i]);
    }
    return text + (length == 0 ? 1 : length);
}

static void put_quoted(struct line *line, const char *text)
{
    put_char(line, '"');
    while (*text != '\0')
        text = put_escaped(line, text);
    put_char(line, '"');
}

static bool is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 0x7f || *text == '"' || *text == '=' || *text == '\\')
            return false;
    }
    return true;
}

static void put_value(struct line *line, const struct log_field *field, bool always_quote)
{
    if (field->text == NULL) {
        char number[24];
        (void)snprintf(number, sizeof number, "%lld", (long long)field->number);
        put_text(line, number);
    } else if (always_quote || !is_plain(field->text)) {
        put_quoted(line, field->text);
    } else {
        put_text(line, field->text);
    }
}

static void write_as_text(struct line *line, const char *time, const char *level, const char *event,
                          const struct log_field *fields)
{
    put_text(line, time);
    put_char(line, ' ');
    put_text(line, level);
    put_char(line, ' ');
    put_text(line, event);
    for (; fields->name != NULL; fields++) {
        put_char(line, ' ');
        put_text(line, fields->name);
        put_char(line, '=');
        put_value(line, fields, false);
    }
}

static void write_as_json(struct line *line, const char *time, const char *level, const char *event,
                          const struct log_field *fields)
{
    put_text(line, "{\"time\":");
    put_quoted(line, time);
    put_text(line, ",\"level\":");
    put_quoted(line, level);
    put_text(line, ",\"event\":");
    put_quoted(line, event);
    for (; fields->name != NULL; fields++) {
        size_t before = line->length;
        put_char(line, ',');
        put_quoted(line, fields->name);
        put_char(line, ':');
        put_value(line, fields, true);
        if (line->length >= sizeof line->text - 2) { /* cut: a half field is not JSON */
            line->length = before;
            break;
        }
    }
    line->text[line->length++] = '}';
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level < min_level)
        return;
    char time[TC_TIME_TEXT_SIZE];
    clock_format(clock_now_ms(), time);
    struct line line = {.length = 0};
    if (line_format == LOG_FORMAT_JSON)
        write_as_json(&line, time, level_names[level], event, fields);
    else
        write_as_text(&line, time, level_names[level], event, fields);
    line.text[line.length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.text, line.length);
    (void)written; /* a failure of the log cannot be logged */
}

/* With the lock held. */
static void report_left_out(int64_t now_ms, bool all)
{
    struct log_limit_count count;
    while (log_limit_take(&limit, now_ms, all, &count))
        LOG_WARNING("log.left_out", F_STR("of", count.event), F_STR("subject", count.subject),
                    F_INT("lines", count.left_out), F_INT("ms", now_ms - count.begun_ms));
}

void log_write_limited(enum log_level level, const char *subject, const char *event, const struct log_field *fields)
{
    if (level < min_level)
        return;
    int64_t now_ms = clock_monotonic_ms();
    (void)pthread_mutex_lock(&limit_lock);
    report_left_out(now_ms, false);
    bool admits = log_limit_admits(&limit, event, subject, now_ms);
    (void)pthread_mutex_unlock(&limit_lock);
    if (admits)
        log_write(level, event, fields);
}

void log_left_out(bool all)
{
    (void)pthread_mutex_lock(&limit_lock);
    report_left_out(clock_monotonic_ms(), all);
    (void)pthread_mutex_unlock(&limit_lock);
}
