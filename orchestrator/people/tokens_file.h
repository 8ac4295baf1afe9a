/* The file of tokens of the version before: read once, and taken over into the database.
 *
 * A line is `user sha256-hex-of-token`; empty lines and lines that begin with # are skipped. */
#ifndef TELLERCAST_ORCHESTRATOR_PEOPLE_TOKENS_FILE_H
#define TELLERCAST_ORCHESTRATOR_PEOPLE_TOKENS_FILE_H

#include "orchestrator/store/tokens.h"

struct tokens_file {
    struct imported_token *lines; /* owned */
    size_t count;
};

/* TC_DENIED: others may read it. TC_INVALID names the line. */
enum tc_error tokens_file_read(const char *path, struct tokens_file *file, struct tc_fault *fault);
void tokens_file_free(struct tokens_file *file);

/* Takes the file over. TC_CONFLICT: this orchestrator did so before; the fault says when. */
enum tc_error tokens_file_import(const char *path, const char *orchestrator, struct store *store,
                                 struct tc_fault *fault);

#endif
