#include "orchestrator/recorder/refusal_counts.h"

#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

struct kind {
    struct act act; /* the last one */
    int64_t seen, recorded;
};

struct refusal_counts {
    size_t most, count;
    int64_t each;
    struct kind kinds[]; /* the place after the last is for the others */
};

struct refusal_counts *refusal_counts_open(size_t most, int64_t each)
{
    struct refusal_counts *counts = calloc(1, sizeof *counts + (most + 1) * sizeof counts->kinds[0]);
    TC_CHECK(counts != NULL);
    counts->most = most;
    counts->each = each;
    return counts;
}

void refusal_counts_close(struct refusal_counts *counts)
{
    free(counts);
}

static bool is_equal(const struct act *one, const struct act *two)
{
    return strcmp(one->address, two->address) == 0 && strcmp(one->credential, two->credential) == 0 &&
           strcmp(one->verb, two->verb) == 0 && strcmp(one->person, two->person) == 0 &&
           strcmp(one->endpoint, two->endpoint) == 0;
}

/* NULL: it is one of the others, or new. */
static struct kind *find(struct refusal_counts *counts, const struct act *act)
{
    for (size_t i = 0; i < counts->count; i++) {
        if (is_equal(&counts->kinds[i].act, act))
            return &counts->kinds[i];
    }
    return NULL;
}

static void count_other(struct kind *others, const struct act *act)
{
    others->seen++;
    others->act = act_begin_unknown(act->endpoint, "", "", "others");
    act_set_refused(&others->act, ACT_REFUSED, "peers and people that are more than are told apart");
}

bool refusal_counts_add(struct refusal_counts *counts, const struct act *act)
{
    struct kind *kind = find(counts, act);
    if (kind == NULL && counts->count == counts->most) {
        count_other(&counts->kinds[counts->most], act);
        return false;
    }
    if (kind == NULL) {
        kind = &counts->kinds[counts->count++];
        *kind = (struct kind){.seen = 0, .recorded = 0};
    }
    kind->act = *act;
    kind->seen++;
    if (kind->recorded == counts->each)
        return false;
    kind->recorded++;
    return true;
}

void refusal_counts_take_back(struct refusal_counts *counts, const struct act *act)
{
    struct kind *kind = find(counts, act);
    if (kind != NULL && kind->recorded > 0)
        kind->recorded--;
}

static struct act summarize(const struct kind *kind)
{
    struct act act = kind->act;
    act.times = kind->seen - kind->recorded;
    act.is_recorded = false;
    if (act.times == 1)
        return act;
    act_set_object(&act, "", "");
    act_set_reason(&act, "");
    act_set_seen(&act, "", 0);
    act.details[0] = '\0';
    return act;
}

size_t refusal_counts_end(struct refusal_counts *counts, struct act *acts)
{
    size_t taken = 0;
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->kinds[i].seen > counts->kinds[i].recorded)
            acts[taken++] = summarize(&counts->kinds[i]);
    }
    struct kind *others = &counts->kinds[counts->most];
    if (others->seen > 0)
        acts[taken++] = summarize(others);
    *others = (struct kind){.seen = 0, .recorded = 0};
    counts->count = 0;
    return taken;
}
