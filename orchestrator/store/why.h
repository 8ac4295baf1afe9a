/* The facts of rollout/why.h, read in one snapshot of the database. Only reads. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_WHY_H
#define TELLERCAST_ORCHESTRATOR_STORE_WHY_H

#include "orchestrator/rollout/why.h"
#include "orchestrator/store/store.h"

/* How many instructions of a rollout are explained: the first in the order of claims. */
#define WHY_LINE_MAX 200
/* How many zones of a rollout are shown. */
#define WHY_ZONES_MAX 100

/* Owns all that is reachable from it. */
struct why_facts;

/* `patterns`: what the reader may see (struct access_scope); NULL: all. `default_per_minute`: the rate of a plan
 * without one; 0: no limit. TC_NOT_FOUND: there is no such branch, device or rollout, or the reader may see nothing of
 * it. The caller frees `*facts`. */
enum tc_error why_read_branch(struct store *store, const char *branch, const char *patterns, int64_t default_per_minute,
                              struct why_facts **facts, struct tc_fault *fault);
/* The place of a device in a branch is the branch. */
enum tc_error why_read_device(struct store *store, const char *device, const char *patterns, int64_t default_per_minute,
                              struct why_facts **facts, struct tc_fault *fault);
/* The places of the first WHY_LINE_MAX instructions, with the rollout, its groups and its zones. */
enum tc_error why_read_rollout(struct store *store, int64_t rollout, const char *patterns, int64_t default_per_minute,
                               struct why_facts **facts, struct tc_fault *fault);
void why_facts_free(struct why_facts *facts);

/* The places, for why_explain. */
struct why_place *why_facts_places(struct why_facts *facts, size_t *count);

/* Of a rollout alone: */

const struct why_rollout *why_facts_rollout(const struct why_facts *facts);

struct why_group_facts {
    struct why_group group;
    int64_t waiting; /* instructions that were not started; -1: the reader does not see all of them */
};
const struct why_group_facts *why_facts_groups(const struct why_facts *facts, size_t *count);

struct why_zone {
    const char *name;
    bool is_open;
    struct why_time changes; /* when its window closes or, while none is open, when the next opens */
};
const struct why_zone *why_facts_zones(const struct why_facts *facts, size_t *count);

/* Whether it is one of the first WHY_LINE_MAX. */
bool why_facts_is_in_line(const struct why_facts *facts, int64_t instruction);

#endif
