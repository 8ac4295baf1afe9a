#include "orchestrator/store/why.h"

#include "orchestrator/store/why_private.h"

#include <stdlib.h>
#include <string.h>

void why_facts_free(struct why_facts *facts)
{
    if (facts == NULL)
        return;
    free(facts->zones);
    free(facts->groups);
    free(facts->line);
    free(facts->places);
    free(facts->activities);
    free(facts->instructions);
    free(facts->rollouts);
    sql_rows_clear(&facts->zone_rows);
    sql_rows_clear(&facts->group_rows);
    sql_rows_clear(&facts->line_rows);
    sql_rows_clear(&facts->rollout_rows);
    sql_rows_clear(&facts->activity_rows);
    sql_rows_clear(&facts->instruction_rows);
    sql_rows_clear(&facts->place_rows);
    free(facts);
}

static enum tc_error read_line(struct store *store, const struct why_question *question, struct why_facts *facts,
                               struct tc_fault *fault)
{
    const struct sql_why_line_params line = {
        .rollout = question->rollout, .patterns = question->is_whole ? NULL : question->patterns, .most = WHY_LINE_MAX};
    const struct sql_why_groups_params groups = {.rollout = question->rollout, .patterns = question->patterns};
    const struct sql_why_zones_params zones = {.rollout = question->rollout, .most = WHY_ZONES_MAX};
    enum tc_error error = sql_why_line(store, &line, &facts->line_rows, fault);
    if (error == TC_OK)
        error = sql_why_groups(store, &groups, &facts->group_rows, fault);
    return error == TC_OK ? sql_why_zones(store, &zones, &facts->zone_rows, fault) : error;
}

static void take_groups_and_zones(struct why_facts *facts)
{
    facts->groups = why_allocate((size_t)facts->group_rows.count, sizeof *facts->groups);
    for (int i = 0; i < facts->group_rows.count; i++) {
        const struct sql_why_groups_row row = sql_why_groups_at(&facts->group_rows, i);
        facts->groups[i] =
            (struct why_group_facts){.group = {.name = row.name,
                                               .state = why_group_state_of(row.state),
                                               .soaks_until = why_time_of(row.soaks_until_ms, row.soaks_until_text),
                                               .paused_by = row.paused_by,
                                               .paused_reason = row.paused_reason,
                                               .paused_at = why_time_of(row.paused_ms, row.paused_text),
                                               .unfinished = row.has_unfinished ? row.unfinished : 0},
                                     .waiting = row.has_waiting ? row.waiting : -1};
    }
    facts->zones = why_allocate((size_t)facts->zone_rows.count, sizeof *facts->zones);
    for (int i = 0; i < facts->zone_rows.count; i++) {
        const struct sql_why_zones_row row = sql_why_zones_at(&facts->zone_rows, i);
        facts->zones[i] = (struct why_zone){
            .name = row.zone, .is_open = row.is_open, .changes = why_time_of(row.changes_ms, row.changes_text)};
    }
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* The places of the first instructions of a rollout. */
static enum tc_error read_places_of_line(struct store *store, struct why_question *question, struct why_facts *facts,
                                         struct tc_fault *fault)
{
    size_t count = (size_t)facts->line_rows.count;
    facts->line = why_allocate(count, sizeof *facts->line);
    const char **branches = why_allocate(count, sizeof *branches);
    const char **devices = why_allocate(count, sizeof *devices);
    int64_t *line = why_allocate(count, sizeof *line);
    int64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sql_why_line_row row = sql_why_line_at(&facts->line_rows, (int)i);
        line[question->line_count++] = row.id;
        if (!row.is_shown)
            continue;
        facts->line[facts->line_count++] =
            (struct why_line_entry){.instruction = row.id, .before = row.is_due ? before++ : -1};
        if (row.branch == NULL)
            devices[question->device_count++] = row.device;
        else if (!is_among(branches, question->branch_count, row.branch))
            branches[question->branch_count++] = row.branch;
    }
    question->branches = branches;
    question->devices = devices;
    question->line = line;
    enum tc_error error = why_read_places(store, question, facts, fault);
    free(line);
    free(devices);
    free(branches);
    return error;
}

static enum tc_error read_rollout(struct store *store, struct why_question *question, struct why_facts *facts,
                                  struct tc_fault *fault)
{
    enum tc_error error = read_line(store, question, facts, fault);
    if (error == TC_OK)
        error = read_places_of_line(store, question, facts, fault);
    if (error != TC_OK)
        return error;
    take_groups_and_zones(facts);
    facts->rollout = why_find_rollout(facts, question->rollout);
    TC_CHECK(facts->rollout != NULL); /* it was there in the same snapshot */
    return TC_OK;
}

static enum tc_error missing(const char *what, struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_NOT_FOUND, "database: no %s has this ID", what);
}

static enum tc_error check_visible(struct store *store, struct why_question *question, struct tc_fault *fault)
{
    bool is_rollout = question->rollout != 0;
    const struct sql_why_is_visible_params params = {.branch =
                                                         question->branch_count == 0 ? NULL : question->branches[0],
                                                     .rollout = question->rollout,
                                                     .patterns = question->patterns};
    struct sql_why_is_visible_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_why_is_visible(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_why_is_visible_row row = sql_why_is_visible_at(&rows, 0);
    question->is_whole = row.is_whole;
    if (is_rollout ? row.rollout : row.branch)
        return TC_OK;
    return missing(is_rollout ? "rollout" : "branch", fault);
}

/* Ends the transaction that reads. */
static enum tc_error end_reading(struct store *store, enum tc_error error, struct why_facts **facts)
{
    if (error != TC_OK) {
        why_facts_free(*facts);
        *facts = NULL;
    }
    return store_rollback(store, error);
}

static enum tc_error read_question(struct store *store, struct why_question *question, struct why_facts **facts,
                                   struct tc_fault *fault)
{
    *facts = why_allocate(1, sizeof **facts);
    enum tc_error error = check_visible(store, question, fault);
    if (error != TC_OK)
        return error;
    return question->rollout == 0 ? why_read_places(store, question, *facts, fault)
                                  : read_rollout(store, question, *facts, fault);
}

enum tc_error why_read_branch(struct store *store, const char *branch, const char *patterns, int64_t default_per_minute,
                              struct why_facts **facts, struct tc_fault *fault)
{
    struct why_question question = {
        .branches = &branch, .branch_count = 1, .patterns = patterns, .default_per_minute = default_per_minute};
    *facts = NULL;
    enum tc_error error = store_begin_snapshot(store, fault);
    if (error != TC_OK)
        return error;
    error = read_question(store, &question, facts, fault);
    return end_reading(store, error, facts);
}

enum tc_error why_read_rollout(struct store *store, int64_t rollout, const char *patterns, int64_t default_per_minute,
                               struct why_facts **facts, struct tc_fault *fault)
{
    struct why_question question = {.rollout = rollout, .patterns = patterns, .default_per_minute = default_per_minute};
    *facts = NULL;
    enum tc_error error = store_begin_snapshot(store, fault);
    if (error != TC_OK)
        return error;
    error = read_question(store, &question, facts, fault);
    return end_reading(store, error, facts);
}

enum tc_error why_read_device(struct store *store, const char *device, const char *patterns, int64_t default_per_minute,
                              struct why_facts **facts, struct tc_fault *fault)
{
    struct why_question question = {.patterns = patterns, .default_per_minute = default_per_minute};
    *facts = NULL;
    enum tc_error error = store_begin_snapshot(store, fault);
    if (error != TC_OK)
        return error;
    const struct sql_why_device_params params = {.device = device, .patterns = patterns};
    struct sql_why_device_rows rows ROWS_AUTO = {0};
    error = sql_why_device(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = missing("device", fault);
    if (error == TC_OK) {
        const char *branch = sql_why_device_at(&rows, 0).branch;
        question.branches = &branch;
        question.branch_count = branch != NULL;
        question.devices = &device;
        question.device_count = branch == NULL;
        *facts = why_allocate(1, sizeof **facts);
        error = why_read_places(store, &question, *facts, fault);
    }
    return end_reading(store, error, facts);
}

/* ---- what was read ---- */

struct why_place *why_facts_places(struct why_facts *facts, size_t *count)
{
    *count = facts->place_count;
    return facts->places;
}

const struct why_rollout *why_facts_rollout(const struct why_facts *facts)
{
    return facts->rollout;
}

const struct why_group_facts *why_facts_groups(const struct why_facts *facts, size_t *count)
{
    *count = (size_t)facts->group_rows.count;
    return facts->groups;
}

const struct why_zone *why_facts_zones(const struct why_facts *facts, size_t *count)
{
    *count = (size_t)facts->zone_rows.count;
    return facts->zones;
}

bool why_facts_is_in_line(const struct why_facts *facts, int64_t instruction)
{
    for (size_t i = 0; i < facts->line_count; i++) {
        if (facts->line[i].instruction == instruction)
            return true;
    }
    return false;
}
