/* One run of the program: its command line, its input and its output. One thread. */
#ifndef TELLERCAST_CTL_SESSION_H
#define TELLERCAST_CTL_SESSION_H

#include "base/clock.h"
#include "clients/ctl/commands/command.h"
#include "clients/ctl/commands/exit_code.h"
#include "clients/ctl/endpoints/http.h"
#include "clients/ctl/screen/screen.h"
#include "clients/ctl/screen/table.h"
#include "config/document.h"

#include <jansson.h>
#include <stdint.h>

struct session {
    const struct invocation *invocation;
    struct screen out; /* standard output: data */
    struct screen err; /* standard error */
    bool json, quiet;
    struct http *http; /* opened on first use */
};

void session_open(struct session *session, const struct invocation *invocation);
void session_close(struct session *session);

/* As invocation_option and invocation_has; and the argument at index `number`. */
const char *session_option(const struct session *session, const char *name);
bool session_has(const struct session *session, const char *name);
const char *session_argument(const struct session *session, size_t number);

/* Writes one line on standard error, unless the session is quiet. */
void session_say(const struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes "tellercast: …" on standard error, even when quiet. Returns `code`. */
int session_fail(const struct session *session, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int session_fail_fault(const struct session *session, const struct tc_fault *fault);
/* For a usage error that the table of commands cannot detect. Shows the usage, returns EXIT_USAGE. */
int session_fail_usage(const struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The duration that an option has, in whole seconds; at least one. False: the usage was shown, and `code` is the exit
 * code. */
bool session_duration_s(const struct session *session, const char *option, int64_t *seconds, int *code);

/* Asks yes or no on a terminal. Returns true elsewhere, and with the option --yes, which the command must have. */
bool session_confirm(const struct session *session, const char *question);

/* Writes text on standard output. */
void session_put(const struct buffer *text);
/* Writes a document on standard output: indented on a terminal, else in one line. */
void session_put_json(const struct session *session, const json_t *document);

/* Shows the faults of a local file. Returns EXIT_INVALID. */
int session_report_faults(const struct session *session, const char *file, const struct document_faults *faults);
/* Shows a failed answer. `subject` is the file that was sent, or the subject of the request. Returns the exit code for
 * a plan or a fleet that was sent. */
int session_report_problem(const struct session *session, const char *subject, int status, const json_t *problem);

/* Returns the HTTP endpoint, or NULL after the fault was shown and `code` was set. */
struct http *session_http(struct session *session, int *code);
/* Gets a document: a new reference, or NULL after the problem was shown and `code` was set. `subject` names the
 * document in a problem: "device A7". */
json_t *session_get(struct session *session, const char *path, const char *subject, int *code);

/* Returns the warnings of the daemon: an array of sentences, a new reference. Empty when the daemon is unreachable or
 * too old. */
json_t *session_get_warnings(struct session *session);

/* Sends a request. Returns the document of the answer: a new reference, or NULL as session_get. `subject` is the file
 * that was sent, or the subject of the request. */
json_t *session_send(struct session *session, const struct http_request *request, const char *subject, int *code);

/* Reads a file that the operator named; "-" is standard input. False after the fault was shown. */
bool session_read_file(const struct session *session, const char *path, size_t most_bytes, struct buffer *content,
                       int *code);

/* Reads all pages of a list; `path` may contain a query. Calls `take` with each element until it returns false.
 * Returns the exit code. */
int session_walk(struct session *session, const char *path, const char *key,
                 bool (*take)(void *context, const json_t *element), void *context);

/* Writes such a list on standard output in a format that the daemon writes: csv, or json-lines. At most `most`
 * elements; 0: all. Returns the exit code. */
int session_pass(struct session *session, const char *path, const char *format, const char *subject, int64_t most);
/* The same for a list of counts, each at the end of its line: the counts of lines that are otherwise equal are added.
 */
int session_pass_counts(struct session *session, const char *path, const char *format, const char *subject);

/* Prints such a list: page by page a table of rows from `add`, or with --json one array. At most `most` elements; 0:
 * all. */
struct listing {
    const char *path, *key;
    const struct table_column *columns;
    size_t column_count;
    void (*add)(struct table *table, const json_t *element);
    bool unpaged; /* the list has no pages */
    int64_t most;
    const char *empty_message; /* for an empty list */
};

int session_list(struct session *session, const struct listing *listing);

/* Reads --limit; 0 when it is not given. False after the fault was shown. */
bool session_limit(const struct session *session, int64_t *limit, int *code);

/* Reads an option that is given: a duration from now, or a time. False after the fault was shown. */
bool session_time_option(const struct session *session, const char *name, char time[static TC_TIME_TEXT_SIZE],
                         int *code);

/* Returns --reason, which every operation requires; NULL after the fault was shown. */
const char *session_reason(const struct session *session, int *code);
/* Post a document, which is taken, or nothing (NULL); or the option --reason as {"reason": …}. Return the answer, or
 * NULL after the fault of `subject` was shown. */
json_t *session_post(struct session *session, const char *path, json_t *body, const char *subject, int *code);
json_t *session_order(struct session *session, const char *path, const char *subject, int *code);

/* Write a heading, and facts of one line each; nothing for an empty value. */
void session_put_heading(const struct session *session, const char *text, struct buffer *out);
void facts_put(const struct screen *screen, const char *name, const char *value, struct buffer *out);
void session_put_fact(const struct session *session, const char *name, const char *value, struct buffer *out);
void session_put_pairs(const struct session *session, const char *name, const json_t *object, struct buffer *out);

/* Returns a text of a document; "" when it is missing. */
const char *document_text(const json_t *document, const char *key);
int64_t document_number(const json_t *document, const char *key);
/* "3 devices", "1 device" */
void document_put_counted(struct buffer *out, int64_t count, const char *one, const char *more);
/* Writes "a=1, b=\"x, y\", c=[1,2]": all members of the object, sorted by key. Texts have quotes only where they are
 * ambiguous; other values are JSON. Very long values are cut and marked. */
void document_put_pairs(const json_t *object, struct buffer *out);

#endif
