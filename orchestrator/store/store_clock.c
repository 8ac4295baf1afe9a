#include "orchestrator/store/store_clock.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/store/connection.h"

enum { SLOW_ANSWER_MS = 1000, JUMP_MS = 1000 };

static int64_t distance(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms - b_ms : b_ms - a_ms;
}

void store_clock_note(struct store_clock *clock, int64_t sent_ms, int64_t database_ms)
{
    bool was_read = atomic_load(&clock->is_read);
    int64_t old_ms = atomic_load(&clock->offset_ms);
    int64_t new_ms = database_ms - sent_ms;
    if (was_read && clock_boot_ms() - sent_ms > SLOW_ANSWER_MS)
        return;
    atomic_store(&clock->offset_ms, new_ms);
    atomic_store(&clock->is_read, true);
    if (was_read && distance(old_ms, new_ms) > JUMP_MS)
        LOG_WARNING("database.clock_jumped", F_INT("ms", new_ms - old_ms));
}

enum tc_error store_clock_read(struct store_clock *clock, struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_connect(store, fault);
    if (error != TC_OK)
        return error;
    struct sql_read_clock_rows rows ROWS_AUTO = {0};
    int64_t sent_ms = clock_boot_ms();
    error = sql_read_clock(store, &rows, fault);
    if (error == TC_OK)
        store_clock_note(clock, sent_ms, sql_read_clock_at(&rows, 0).now_ms);
    return error;
}

int64_t store_clock_now_ms(const struct store_clock *clock)
{
    TC_CHECK(atomic_load(&clock->is_read));
    return clock_boot_ms() + atomic_load(&clock->offset_ms);
}
