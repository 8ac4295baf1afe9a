/* The text in Redis of one instruction: "1 {instruction} {rollout} {attempt} {epoch} {start_before_s} {role}", where 1
 * is the version of this format. For a device that is out of service the version is 2, so that a program that does not
 * know that state asks the database. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_ENTRY_H
#define TELLERCAST_ORCHESTRATOR_CACHE_ENTRY_H

#include "orchestrator/cache/cache.h"

#include <stdbool.h>
#include <stddef.h>

#define CACHE_ENTRY_SIZE 128 /* the longest text and its NUL */

/* Returns the text's length. */
size_t cache_entry_write(const struct cached_instruction *instruction, char text[static CACHE_ENTRY_SIZE]);

/* Fills all but the device. False, with nothing filled, unless the text is exactly as cache_entry_write writes it. */
bool cache_entry_read(const char *text, size_t length, struct cached_instruction *instruction);

#endif
