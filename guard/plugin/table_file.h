/* The file of the guard's table of devices, so that a broker that starts without orchestrators knows its devices. */
#ifndef TELLERCAST_GUARD_PLUGIN_TABLE_FILE_H
#define TELLERCAST_GUARD_PLUGIN_TABLE_FILE_H

#include "guard/guard.h"

struct table_file;

/* `folder` must exist. Reads the file, if there is one, into the guard; a fault in it is logged, and the guard has no
 * table then. */
struct table_file *table_file_open(const char *folder, struct guard *guard);
/* Writes the table when it has changed, by a thread of its own and not too often. Call it often. */
void table_file_step(struct table_file *file, const struct guard *guard, int64_t now_ms);
/* Writes what is not written yet. NULL is allowed. */
void table_file_close(struct table_file *file, const struct guard *guard);

#endif
