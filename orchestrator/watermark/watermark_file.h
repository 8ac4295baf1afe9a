/* The watermark outside of PostgreSQL: one file per orchestrator in its data folder. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_WATERMARK_WATERMARK_FILE_H
#define TELLERCAST_ORCHESTRATOR_WATERMARK_WATERMARK_FILE_H

#include "orchestrator/store/guard.h"

/* The highest number that a mark may have. */
#define MARK_NUMBER_MAX (INT64_C(1) << 52)
/* Numbers are capped to this when read. An accepted restore raises the mark's numbers, and the next mark must be
 * readable also after a forged or damaged one. The SQL statements have the same limit. */
#define MARK_BELIEVED_MAX (INT64_C(1) << 51)

/* Reads all marks in the folder, also those of other orchestrators and of earlier names of this one, and returns the
 * highest numbers of all. Without marks, or without the folder, `mark` is empty. TC_CONFLICT when they are of two
 * installations, TC_INVALID when one is not a mark. */
enum tc_error watermark_files_read(const char *folder, struct watermark *mark, struct tc_fault *fault);

/* Replaces the mark named `name`, durably. */
enum tc_error watermark_file_write(const char *folder, const char *name, const struct watermark *mark,
                                   struct tc_fault *fault);

#endif
