#include "orchestrator/scheduler/scan_cursor.h"

enum {
    SCAN_BATCHES_MIN = 2,  /* rows of a scan, in claim batches */
    SCAN_BATCHES_MAX = 10, /* to scan a row that cannot start costs a tenth of a claim */
    LOW_YIELD_SHARE = 10,  /* a scan that claims less than 1/LOW_YIELD_SHARE of a batch has a low yield */
    LOW_YIELD_SCANS_PER_TURN = 4,
    SCANS_PER_TURN = 10, /* then a new rollout of higher priority may go first */
};

static bool is_beyond(const struct claim_place *a, const struct claim_place *b)
{
    if (a->group != b->group)
        return a->group > b->group;
    if (a->due_us != b->due_us)
        return a->due_us > b->due_us;
    return a->instruction > b->instruction;
}

static struct scan_cursor find(const struct buffer *cursors, int64_t rollout, int64_t claim_batch)
{
    const struct scan_cursor *known = (const void *)cursors->bytes;
    for (size_t i = 0; i < cursors->length / sizeof *known; i++) {
        if (known[i].rollout == rollout)
            return known[i];
    }
    return (struct scan_cursor){.rollout = rollout, .rows = SCAN_BATCHES_MIN * claim_batch};
}

void scan_cursor_begin_turns(struct buffer *cursors, const struct running_rollout *rollouts, size_t count,
                             int64_t claim_batch)
{
    struct buffer present = {0};
    for (size_t i = 0; i < count; i++) {
        struct scan_cursor cursor = find(cursors, rollouts[i].id, claim_batch);
        cursor.next = (struct claim_place){0};
        cursor.scans = cursor.low_yield_scans = 0;
        buffer_put(&present, &cursor, sizeof cursor);
    }
    buffer_free(cursors);
    *cursors = present;
}

enum scan_cursor_step scan_cursor_note(struct scan_cursor *cursor, const struct claim_result *found,
                                       int64_t claim_batch)
{
    if (found->rate_is_used_up)
        return SCAN_CURSOR_DONE;
    bool was_front = cursor->scans == 0;
    cursor->scans++;
    if ((int64_t)found->count * LOW_YIELD_SHARE < claim_batch)
        cursor->low_yield_scans++;

    if ((int64_t)found->count < claim_batch / 2)
        cursor->rows *= 2;
    else if ((int64_t)found->count == claim_batch)
        cursor->rows /= 2;
    if (cursor->rows < SCAN_BATCHES_MIN * claim_batch)
        cursor->rows = SCAN_BATCHES_MIN * claim_batch;
    if (cursor->rows > SCAN_BATCHES_MAX * claim_batch)
        cursor->rows = SCAN_BATCHES_MAX * claim_batch;

    if (!found->has_more) {
        cursor->deep = (struct claim_place){0};
        return SCAN_CURSOR_DONE;
    }
    cursor->next = was_front && is_beyond(&cursor->deep, &found->place) ? cursor->deep : found->place;
    cursor->deep = cursor->next;
    if (cursor->low_yield_scans == LOW_YIELD_SCANS_PER_TURN)
        return SCAN_CURSOR_DONE;
    return cursor->scans == SCANS_PER_TURN ? SCAN_CURSOR_YIELD : SCAN_CURSOR_ON;
}
