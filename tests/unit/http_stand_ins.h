/* What stands in for the database behind an HTTP door: it remembers what it was asked. Any thread. */
#ifndef TELLERCAST_TESTS_UNIT_HTTP_STAND_INS_H
#define TELLERCAST_TESTS_UNIT_HTTP_STAND_INS_H

#include "base/fault.h"
#include "orchestrator/planner/preview.h"

#include <stdatomic.h>

enum { HALL_TEXT_SIZE = 256 };

/* What it was asked last, what it answers, and whether it does. */
extern char hall_last_read[HALL_TEXT_SIZE];
extern enum tc_error hall_store_answers;
extern int64_t hall_artifact_size; /* of every digest */
extern atomic_bool hall_store_hangs;

/* The door must be opened with it. */
extern const struct preview_config hall_preview;

#endif
