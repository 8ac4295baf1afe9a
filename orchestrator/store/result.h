/* Results of libpq, and the texts and JSON in them. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_RESULT_H
#define TELLERCAST_ORCHESTRATOR_STORE_RESULT_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stddef.h>

/* Copies a message of libpq, which can have several lines with tabs, as one line. */
void store_one_line(const char *message, char *text, size_t size);
/* Parses JSON; NULL when it is invalid. The caller frees it. */
json_t *stored_json(const char *text);
/* Copies as much as fits; NULL gives "". */
void copy_text(char *text, size_t size, const char *value);
void result_clear(PGresult **result);

/* `PGresult *result RESULT_AUTO = NULL;` is cleared at the end of its scope. */
#define RESULT_AUTO __attribute__((cleanup(result_clear)))

#endif
