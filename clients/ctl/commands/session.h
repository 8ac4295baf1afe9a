/* One run of the program: the command line it was given, and how it talks to its operator. One thread. */
#ifndef TELLERCAST_CTL_SESSION_H
#define TELLERCAST_CTL_SESSION_H

#include "clients/ctl/commands/command.h"
#include "clients/ctl/commands/exit_code.h"
#include "clients/ctl/doors/http.h"
#include "clients/ctl/screen/look.h"
#include "clients/ctl/screen/table.h"
#include "config/document.h"

#include <jansson.h>
#include <stdint.h>

struct session {
    const struct invocation *invocation;
    struct look out;  /* standard output: data */
    struct look talk; /* standard error */
    bool json, quiet;
    struct http *http; /* opened when it is first needed */
};

void session_open(struct session *session, const struct invocation *invocation);
void session_close(struct session *session);

/* As invocation_option and invocation_has; the n-th argument. */
const char *session_option(const struct session *session, const char *name);
bool session_has(const struct session *session, const char *name);
const char *session_argument(const struct session *session, size_t number);

/* One line on standard error; nothing when the session is quiet. */
void session_say(const struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "tellercast: …" on standard error, always; returns `code`. */
int session_fail(const struct session *session, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int session_fail_fault(const struct session *session, const struct tc_fault *fault);
/* A wrong use that the table of commands cannot tell: EXIT_USAGE, with the command's usage. */
int session_fail_usage(const struct session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts text on standard output. */
void session_put(const struct buffer *text);
/* Puts a document on standard output: indented on a terminal, else one line. */
void session_put_json(const struct session *session, const json_t *document);

/* Shows the faults of a file that was read here. Returns EXIT_INVALID. */
int session_report_faults(const struct session *session, const char *file, const struct document_faults *faults);
/* Shows an answer that is not a good one. `subject` is the file that was sent, or what was asked for. Returns its exit
 * code, as if a plan or a fleet had been sent. */
int session_report_problem(const struct session *session, const char *subject, int status, const json_t *problem);

/* The HTTP door. NULL after it was shown why there is none; `code` then says how to exit. */
struct http *session_http(struct session *session, int *code);
/* Gets a document. `subject` names it in a problem: "device A7". NULL after that was shown; `code` then says how to
 * exit. A new reference. */
json_t *session_get(struct session *session, const char *path, const char *subject, int *code);

/* Sends a request and gets the document that answers it: a new reference, or NULL as session_get. `subject` is the file
 * that was sent, or what the request is about. */
json_t *session_send(struct session *session, const struct http_request *request, const char *subject, int *code);

/* Reads a file that the operator named; "-" is standard input. False after it was shown why not. */
bool session_read_file(const struct session *session, const char *path, size_t most_bytes, struct buffer *content,
                       int *code);

/* Walks a list over its pages: `path` may have a query already. Calls `take` with each element until it
 * returns false. Returns the exit code. */
int session_walk(struct session *session, const char *path, const char *key,
                 bool (*take)(void *context, const json_t *element), void *context);

/* Prints such a list: a table of rows that `add` makes, page by page, or with --json one array. `most` elements at
 * most; 0: all. */
struct listing {
    const char *path, *key;
    const struct table_column *columns;
    size_t column_count;
    void (*add)(struct table *table, const json_t *element);
    bool whole; /* not in pages */
    int64_t most;
    const char *none; /* said when there is nothing */
};

int session_list(struct session *session, const struct listing *listing);

/* --limit as a number; false after the fault was shown. 0 when it is not given. */
bool session_limit(const struct session *session, int64_t *limit, int *code);

/* Drawing for standard output: a heading, and below it a line a fact; nothing for an empty value. */
void session_put_heading(const struct session *session, const char *text, struct buffer *out);
void session_put_fact(const struct session *session, const char *name, const char *value, struct buffer *out);
void session_put_pairs(const struct session *session, const char *name, const json_t *object, struct buffer *out);

/* A text of a document, "" when it is not there. */
const char *document_text(const json_t *document, const char *key);
int64_t document_number(const json_t *document, const char *key);
/* "3 devices", "1 device" */
void document_put_counted(struct buffer *out, int64_t count, const char *one, const char *more);
/* "a=1, b=2" of a flat object. */
void document_put_pairs(const json_t *object, struct buffer *out);

#endif
