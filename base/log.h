/* Logs are events, not prose: a stable name and fields.
 *
 *     LOG_INFO("instruction.sent", F_INT("rollout", 42), F_STR("device", "ATM-0007"));
 *
 * is written to stderr as `2026-12-01T00:00:00.123Z info instruction.sent rollout=42 device=ATM-0007`,
 * or as one JSON object a line when asked. Never a payload, never a secret. Any thread; one line is
 * one write. */
#ifndef TELLERCAST_BASE_LOG_H
#define TELLERCAST_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *name;
    const char *text; /* NULL: use `number` */
    int64_t number;
};

#define F_INT(name, value) ((struct log_field){(name), NULL, (int64_t)(value)})
/* A NULL text is written as an empty one. */
#define F_STR(name, value) ((struct log_field){(name), log_text_or_empty(value), 0})

#define LOG_DEBUG(...) LOG_EVENT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_EVENT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARNING(...) LOG_EVENT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define LOG_ERROR(...) LOG_EVENT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* A line that others can cause at will, with its subject (a device; "": none). Written while log_limit.h admits it,
 * else counted; after the period a line `log.left_out` gives the count. */
#define LOG_LIMITED(level, subject, ...)                                                                               \
    LOG_LIMITED_WITH(level, subject, __VA_ARGS__, ((struct log_field){NULL, NULL, 0}))
#define LOG_LIMITED_WITH(level, subject, event, ...)                                                                   \
    log_write_limited((level), (subject), (event), (const struct log_field[]){__VA_ARGS__})

/* The nameless field closes the list, so that an event may have no field at all. */
#define LOG_EVENT(level, ...) LOG_EVENT_WITH(level, __VA_ARGS__, ((struct log_field){NULL, NULL, 0}))
#define LOG_EVENT_WITH(level, event, ...) log_write((level), (event), (const struct log_field[]){__VA_ARGS__})

/* Settings of the whole process. Call them before other threads start. */
void log_set_level(enum log_level min);
void log_set_format(enum log_format format);

/* Reads "debug", "info", "warning", "error"; "text", "json". False for anything else. */
bool log_level_parse(const char *text, enum log_level *level);
bool log_format_parse(const char *text, enum log_format *format);

/* `fields` ends with one whose name is NULL. Use the macros. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
void log_write_limited(enum log_level level, const char *subject, const char *event, const struct log_field *fields);
/* Logs the counts of left out lines for periods that have ended; `all`: for all periods, at the end of the process.
 * Call it regularly. */
void log_left_out(bool all);
const char *log_text_or_empty(const char *text);

#endif
