/* Lists in the format that the client asks for: a page as JSON, or as many pages as fit as CSV or as JSON lines.
 * Private to the HTTP endpoint. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_LIST_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_LIST_H

#include "orchestrator/intake/http_request.h"

/* Lines of an answer without the parameter `limit`, and pages that are read for one: of a list whose pages can be short
 * or empty, these end it first. The header Link leads on. */
#define LIST_LINES_MAX 10000
#define LIST_PAGES_MAX 20

/* Appends a page of at most `limit` elements after `after`, the key of the last one as text; "" : the first page. */
typedef enum tc_error http_list_read(struct store *store, void *context, const char *after, int limit,
                                     struct buffer *json, struct tc_fault *fault);

struct http_list {
    const char *key;            /* of the elements in a page, which also has `next` */
    const char *const *columns; /* of CSV: keys of an element */
    size_t column_count;
    http_list_read *read;
    void *context;
};

/* Answers with the list, from `after` on. `limit`: of a page, as http_read_page sets it. */
void http_answer_list(struct http_request *request, const struct http_list *list, const char *after, int limit);
/* Reads a key that is a number; 0: "". */
int64_t http_list_number(const char *after);

#endif
