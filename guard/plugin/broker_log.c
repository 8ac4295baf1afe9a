#include "guard/plugin/broker_log.h"

#include "base/log_limit.h"

#include <inttypes.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 700, SUBJECT_SIZE = 161 };

static struct log_limit limit;

/* mosquitto's function takes no va_list. The analyzer does not see that va_start fills one. */
#define WRITE_LINE(level, format)                                                                                      \
    do {                                                                                                               \
        char line[LINE_SIZE];                                                                                          \
        va_list arguments;                                                                                             \
        va_start(arguments, format);                                                                                   \
        (void)vsnprintf(line, sizeof line, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */       \
        va_end(arguments);                                                                                             \
        mosquitto_log_printf(level, "%s", line);                                                                       \
    } while (false)

void broker_log_info(const char *format, ...)
{
    WRITE_LINE(MOSQ_LOG_NOTICE, format);
}

void broker_log_warning(const char *format, ...)
{
    WRITE_LINE(MOSQ_LOG_WARNING, format);
}

/* Whatever is not plain text becomes a question mark. */
static void clean(const char *text, char cleaned[static SUBJECT_SIZE])
{
    size_t length = 0;
    for (; *text != '\0' && length < SUBJECT_SIZE - 1; text++)
        cleaned[length++] = *text <= ' ' || *text > '~' || *text == '"' ? '?' : *text;
    cleaned[length] = '\0';
}

void broker_log_denial(const char *verb, enum denial denial, const char *name, const char *subject, int64_t now_ms)
{
    char cleaned[SUBJECT_SIZE];
    broker_log_left_out(now_ms, false);
    if (!log_limit_admits(&limit, denial_name(denial), name, now_ms))
        return;
    clean(subject, cleaned);
    broker_log_warning("guard.denied what=%s reason=%s identity=%s subject=\"%s\"", verb, denial_name(denial), name,
                       cleaned);
}

void broker_log_bare(const char *name, const char *client_id, int64_t now_ms)
{
    char cleaned[SUBJECT_SIZE];
    broker_log_left_out(now_ms, false);
    if (!log_limit_admits(&limit, "connected_without_certificate", name, now_ms))
        return;
    clean(client_id, cleaned);
    broker_log_info("guard.connected_without_certificate identity=%s client=\"%s\"", name, cleaned);
}

void broker_log_left_out(int64_t now_ms, bool all)
{
    struct log_limit_count taken;
    while (log_limit_take(&limit, now_ms, all, &taken))
        broker_log_warning("guard.left_out reason=%s identity=%s lines=%" PRId64, taken.event, taken.subject,
                           taken.left_out);
}
