/* Stubs of the store for an HTTP endpoint, which record their calls. Any thread. */
#ifndef TELLERCAST_TESTS_UNIT_HTTP_STUBS_H
#define TELLERCAST_TESTS_UNIT_HTTP_STUBS_H

#include "base/buffer.h"
#include "base/fault.h"
#include "orchestrator/preparation/preview.h"

#include <stdatomic.h>

enum { HTTP_FIXTURE_TEXT_SIZE = 256 };

/* The last call, the results of the stubs, and whether they block. */
extern char http_fixture_last_read[HTTP_FIXTURE_TEXT_SIZE];
extern char http_fixture_last_patterns[HTTP_FIXTURE_TEXT_SIZE]; /* where the last call might act; "everywhere" */
void http_fixture_note_patterns(const char *patterns);
/* Records a call as text and appends a document, as http_fixture_store_answers says. */
__attribute__((format(printf, 3, 4))) enum tc_error http_fixture_give(struct buffer *json, struct tc_fault *fault,
                                                                      const char *format, ...);
extern enum tc_error http_fixture_store_answers;
extern int64_t http_fixture_artifact_size; /* of every digest; 0: the database knows none */
extern bool http_fixture_artifact_is_blocked;
extern atomic_bool http_fixture_store_hangs;

/* The preview_config that the endpoint must be opened with. */
extern const struct preview_config http_fixture_preview;

#endif
