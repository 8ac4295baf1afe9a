/* The database's clock, which is the time for all orchestrators. Between readings it advances by a monotonic clock of
 * this machine; the wall clock of this machine is not used. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_STORE_CLOCK_H
#define TELLERCAST_ORCHESTRATOR_STORE_STORE_CLOCK_H

#include "orchestrator/store/store.h"

#include <stdatomic.h>
#include <stdint.h>

struct store_clock {
    atomic_bool is_read;
    _Atomic int64_t offset_ms; /* from clock_boot_ms to the database's clock */
};

/* Reads it. To be called once before store_clock_now_ms. */
enum tc_error store_clock_read(struct store_clock *clock, struct store *store, struct tc_fault *fault);

/* Sets the clock by a statement that was sent at `sent_ms` of clock_boot_ms, began at `database_ms`, and was answered
 * now. Ignores a slow answer, which is too imprecise. */
void store_clock_note(struct store_clock *clock, int64_t sent_ms, int64_t database_ms);

/* The clock must have been read. */
int64_t store_clock_now_ms(const struct store_clock *clock);

#endif
