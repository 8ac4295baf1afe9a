#include "orchestrator/scheduler/outlook.h"

enum {
    LEAST_BATCHES = 2, /* rows looked at, in batches to claim */
    MOST_BATCHES = 10, /* looking at one that cannot start costs a tenth of claiming one that can */
    VAIN_SHARE = 10,   /* a look that finds less than this part of a batch was in vain */
    VAIN_LOOKS_A_TURN = 4,
    LOOKS_A_TURN = 10, /* then a rollout of higher priority that has come meanwhile goes first */
};

static bool is_beyond(const struct claim_place *a, const struct claim_place *b)
{
    if (a->group != b->group)
        return a->group > b->group;
    if (a->due_us != b->due_us)
        return a->due_us > b->due_us;
    return a->instruction > b->instruction;
}

static struct outlook find(const struct buffer *outlooks, int64_t rollout, int64_t claim_batch)
{
    const struct outlook *known = (const void *)outlooks->bytes;
    for (size_t i = 0; i < outlooks->length / sizeof *known; i++) {
        if (known[i].rollout == rollout)
            return known[i];
    }
    return (struct outlook){.rollout = rollout, .rows = LEAST_BATCHES * claim_batch};
}

void outlook_begin_turns(struct buffer *outlooks, const struct running_rollout *rollouts, size_t count,
                         int64_t claim_batch)
{
    struct buffer present = {0};
    for (size_t i = 0; i < count; i++) {
        struct outlook outlook = find(outlooks, rollouts[i].id, claim_batch);
        outlook.next = (struct claim_place){0};
        outlook.looks = outlook.vain_looks = 0;
        buffer_put(&present, &outlook, sizeof outlook);
    }
    buffer_free(outlooks);
    *outlooks = present;
}

enum outlook_step outlook_note(struct outlook *outlook, const struct claim_result *found, int64_t claim_batch)
{
    if (found->rate_is_used_up)
        return OUTLOOK_DONE;
    bool was_front = outlook->looks == 0;
    outlook->looks++;
    if ((int64_t)found->count * VAIN_SHARE < claim_batch)
        outlook->vain_looks++;

    if ((int64_t)found->count < claim_batch / 2)
        outlook->rows *= 2;
    else if ((int64_t)found->count == claim_batch)
        outlook->rows /= 2;
    if (outlook->rows < LEAST_BATCHES * claim_batch)
        outlook->rows = LEAST_BATCHES * claim_batch;
    if (outlook->rows > MOST_BATCHES * claim_batch)
        outlook->rows = MOST_BATCHES * claim_batch;

    if (!found->has_more) {
        outlook->deep = (struct claim_place){0};
        return OUTLOOK_DONE;
    }
    outlook->next = was_front && is_beyond(&outlook->deep, &found->place) ? outlook->deep : found->place;
    outlook->deep = outlook->next;
    if (outlook->vain_looks == VAIN_LOOKS_A_TURN)
        return OUTLOOK_DONE;
    return outlook->looks == LOOKS_A_TURN ? OUTLOOK_YIELD : OUTLOOK_ON;
}
