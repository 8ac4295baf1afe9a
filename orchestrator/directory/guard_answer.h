/* The last status that the broker's guard published. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_DIRECTORY_GUARD_ANSWER_H
#define TELLERCAST_ORCHESTRATOR_DIRECTORY_GUARD_ANSWER_H

#include "base/buffer.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_answer;

struct guard_answer *guard_answer_open(void);
void guard_answer_close(struct guard_answer *answer);

/* Keeps a status, or logs that it is none. */
void guard_answer_take(struct guard_answer *answer, const void *payload, size_t length);
/* Reads the last status. Returns how many came so far; 0: none, and `status` is unchanged. */
uint64_t guard_answer_read(struct guard_answer *answer, struct guard_status *status);

/* Whether the guard has the table of devices that the database has. */
void guard_answer_set_current(struct guard_answer *answer, bool is_current);

/* Appends {"is_current":…,"status":…}: the status as the guard wrote it, or null. */
void guard_answer_write(struct guard_answer *answer, struct buffer *json);

#endif
