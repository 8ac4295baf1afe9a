/* What queries/why/ read, and how it becomes the facts of an explanation. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_WHY_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_WHY_PRIVATE_H

#include "orchestrator/store/connection.h"
#include "orchestrator/store/why.h"

struct why_line_entry {
    int64_t instruction;
    int64_t before; /* due ones before it; -1: it is not due */
};

struct why_facts {
    struct sql_why_places_rows place_rows;
    struct sql_why_instructions_rows instruction_rows;
    struct sql_why_activities_rows activity_rows;
    struct sql_why_rollouts_rows rollout_rows;
    struct sql_why_line_rows line_rows;
    struct sql_why_groups_rows group_rows;
    struct sql_why_zones_rows zone_rows;

    struct why_rollout *rollouts;
    size_t rollout_count;
    struct why_instruction *instructions;
    struct why_activity *activities;
    struct why_place *places;
    size_t place_count;

    const struct why_rollout *rollout; /* NULL: the facts are of a place */
    struct why_line_entry *line;
    size_t line_count;
    struct why_group_facts *groups;
    struct why_zone *zones;
};

/* What to read. */
struct why_question {
    const char *const *branches;
    const char *const *devices; /* without branch */
    size_t branch_count, device_count;
    const char *patterns;
    int64_t default_per_minute;
    int64_t rollout;     /* 0: none */
    const int64_t *line; /* its first instructions, and those before them in their branches */
    size_t line_count;
    bool is_whole; /* the rollout lies in `patterns` as a whole */
};

/* An array of `count`; never NULL. */
void *why_allocate(size_t count, size_t size);
struct why_time why_time_of(int64_t ms, const char *text);
enum group_state why_group_state_of(const char *name);
const struct why_rollout *why_find_rollout(const struct why_facts *facts, int64_t id);

/* Reads the places of a question, and fills the facts. */
enum tc_error why_read_places(struct store *store, const struct why_question *question, struct why_facts *facts,
                              struct tc_fault *fault);

#endif
