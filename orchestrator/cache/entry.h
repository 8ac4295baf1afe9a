/* What stands in Redis for one instruction: "1 {instruction} {rollout} {attempt} {epoch} {start_before_s} {role}",
 * where 1 is the version of this format. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_ENTRY_H
#define TELLERCAST_ORCHESTRATOR_CACHE_ENTRY_H

#include "orchestrator/cache/cache.h"

#include <stdbool.h>
#include <stddef.h>

#define CACHE_ENTRY_SIZE 128 /* the longest text and its NUL */

/* Returns the text's length. */
size_t cache_entry_write(const struct cached_instruction *instruction, char text[static CACHE_ENTRY_SIZE]);

/* Fills all but the device. False, and nothing is filled, unless it is just what cache_entry_write writes. */
bool cache_entry_read(const char *text, size_t length, struct cached_instruction *instruction);

#endif
