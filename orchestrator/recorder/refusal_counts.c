#include "orchestrator/recorder/refusal_counts.h"

#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

struct kind {
    struct act act; /* the last one */
    int64_t seen, recorded;
    bool is_rest; /* of what its owner was refused beyond `most` */
    bool has_several_addresses, has_several_credentials;
};

/* The owner of a kind is its person; "": all peers that are not known. */
struct refusal_counts {
    size_t most, count, space;
    int64_t each;
    struct kind *kinds;
};

struct refusal_counts *refusal_counts_open(size_t most, int64_t each)
{
    struct refusal_counts *counts = calloc(1, sizeof *counts);
    TC_CHECK(counts != NULL);
    counts->most = most;
    counts->each = each;
    return counts;
}

void refusal_counts_close(struct refusal_counts *counts)
{
    if (counts == NULL)
        return;
    free(counts->kinds);
    free(counts);
}

/* A person is the same by each credential and from each address: with more of them it cannot fill the table. */
static bool is_equal(const struct act *one, const struct act *two)
{
    if (strcmp(one->verb, two->verb) != 0 || strcmp(one->endpoint, two->endpoint) != 0)
        return false;
    return one->person[0] != '\0' ||
           (strcmp(one->address, two->address) == 0 && strcmp(one->credential, two->credential) == 0);
}

/* Finds the kind of an act, or else the rest of its owner. NULL: it is new; `owned`: the kinds that its owner has. */
static struct kind *find(struct refusal_counts *counts, const struct act *act, size_t *owned)
{
    struct kind *rest = NULL;
    *owned = 0;
    for (size_t i = 0; i < counts->count; i++) {
        struct kind *kind = &counts->kinds[i];
        if (strcmp(kind->act.person, act->person) != 0)
            continue;
        if (!kind->is_rest && is_equal(&kind->act, act))
            return kind;
        rest = kind->is_rest ? kind : rest;
        *owned += 1;
    }
    return rest;
}

/* Only people have tables that grow, and each of them only as far as `most`. */
static struct kind *add_kind(struct refusal_counts *counts)
{
    if (counts->count == counts->space) {
        counts->space = counts->space == 0 ? counts->most + 1 : 2 * counts->space;
        counts->kinds = realloc(counts->kinds, counts->space * sizeof *counts->kinds);
        TC_CHECK(counts->kinds != NULL);
    }
    struct kind *kind = &counts->kinds[counts->count++];
    *kind = (struct kind){.seen = 0};
    return kind;
}

static void count_rest(struct kind *rest, const struct act *act)
{
    bool is_known = act->person[0] != '\0';
    rest->is_rest = true;
    rest->seen++;
    rest->act = act_begin_unknown(act->endpoint, "", "", "others");
    act_set_person(&rest->act, act->person);
    act_set_refused(&rest->act, ACT_REFUSED,
                    is_known ? "refusals of this person that are more than are told apart"
                             : "peers that are more than are told apart");
}

static void count_equal(struct kind *kind, const struct act *act)
{
    if (kind->seen > 0) {
        kind->has_several_addresses |= strcmp(kind->act.address, act->address) != 0;
        kind->has_several_credentials |= strcmp(kind->act.credential, act->credential) != 0;
    }
    kind->act = *act;
    kind->seen++;
}

bool refusal_counts_add(struct refusal_counts *counts, const struct act *act)
{
    size_t owned;
    struct kind *kind = find(counts, act, &owned);
    bool is_new = kind == NULL;
    if (is_new)
        kind = add_kind(counts);
    if (kind->is_rest || (is_new && owned == counts->most)) {
        count_rest(kind, act);
        return false;
    }
    count_equal(kind, act);
    if (kind->recorded == counts->each)
        return false;
    kind->recorded++;
    return true;
}

void refusal_counts_take_back(struct refusal_counts *counts, const struct act *act)
{
    size_t owned;
    struct kind *kind = find(counts, act, &owned);
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
    if (kind->has_several_addresses)
        act.address[0] = '\0';
    if (kind->has_several_credentials)
        act.credential[0] = '\0';
    return act;
}

size_t refusal_counts_kinds(const struct refusal_counts *counts)
{
    return counts->count;
}

size_t refusal_counts_end(struct refusal_counts *counts, struct act *acts)
{
    size_t taken = 0;
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->kinds[i].seen > counts->kinds[i].recorded)
            acts[taken++] = summarize(&counts->kinds[i]);
    }
    counts->count = 0;
    return taken;
}
