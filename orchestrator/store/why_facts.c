/* Makes the facts of an explanation from rows. */
#include "orchestrator/store/claim.h"
#include "orchestrator/store/start_rate.h"
#include "orchestrator/store/why_private.h"

#include <stdlib.h>
#include <string.h>

/* A branch has some tens of machines, and a device some instructions: more is not explained. */
enum { INSTRUCTIONS_MAX = 20000 };

void *why_allocate(size_t count, size_t size)
{
    void *made = calloc(count + 1, size);
    TC_CHECK(made != NULL);
    return made;
}

struct why_time why_time_of(int64_t ms, const char *text)
{
    return (struct why_time){.ms = ms, .text = text == NULL ? "" : text};
}

/* ---- rollouts ---- */

const struct why_rollout *why_find_rollout(const struct why_facts *facts, int64_t id)
{
    for (size_t i = 0; i < facts->rollout_count; i++) {
        if (facts->rollouts[i].id == id)
            return &facts->rollouts[i];
    }
    return NULL;
}

static void take_rollout(const struct sql_why_rollouts_row *row, struct why_rollout *rollout)
{
    *rollout = (struct why_rollout){
        .id = row->id,
        .name = row->name,
        .priority = row->priority,
        .preempt = row->preempt,
        .approvals_needed = row->approvals_needed,
        .approvals_given = row->approvals_given,
        .promoted = row->promoted,
        .promotion_needed = row->promotion_needed,
        .promotion_given = row->promotion_given,
        .held_by = row->held_by == NULL ? "" : row->held_by,
        .held_reason = row->held_reason == NULL ? "" : row->held_reason,
        .held_at = why_time_of(row->held_ms, row->held_text),
        .ends_at = why_time_of(row->ends_ms, row->ends_text),
        .is_blocked = row->is_blocked,
        .budget = {.most = row->has_max_unavailable ? row->max_unavailable : -1,
                   .most_percent = row->has_max_unavailable_percent ? row->max_unavailable_percent : -1,
                   .single_allowed = row->single_device_allowed},
        .allowance = INT64_MAX,
    };
    /* A later version may have written another state: then this version starts nothing of it. */
    if (!rollout_state_parse(row->state, &rollout->state))
        rollout->state = ROLLOUT_PAUSED;
}

/* What the scheduler knows of a running one. */
static enum tc_error take_running(struct store *store, const struct why_question *question,
                                  const struct running_rollout *running, struct why_rollout *rollout,
                                  struct tc_fault *fault)
{
    struct rate_rules rules = running->rate;
    if (rules.per_minute == 0)
        rules = (struct rate_rules){.per_minute = question->default_per_minute};
    rollout->is_known = running->known;
    if (rules.per_minute == 0)
        return TC_OK;
    struct start_rate rate;
    enum tc_error error = start_rate_read(store, rollout->id, &rules, &rate, fault);
    rollout->per_minute = rate.per_minute;
    rollout->allowance = rate.allowance;
    return error;
}

static enum tc_error read_running(struct store *store, const struct why_question *question, struct why_facts *facts,
                                  struct tc_fault *fault)
{
    if (facts->rollout_count == 0)
        return TC_OK;
    struct running_rollout *running;
    size_t count;
    int64_t *ids = why_allocate(facts->rollout_count, sizeof *ids);
    for (size_t i = 0; i < facts->rollout_count; i++)
        ids[i] = facts->rollouts[i].id;
    enum tc_error error = claim_read_rollouts(store, ids, facts->rollout_count, &running, &count, fault);
    free(ids);
    for (size_t i = 0; error == TC_OK && i < facts->rollout_count; i++) {
        for (size_t at = 0; error == TC_OK && at < count; at++) {
            if (running[at].id == facts->rollouts[i].id)
                error = take_running(store, question, &running[at], &facts->rollouts[i], fault);
        }
    }
    free(running);
    return error;
}

/* Reads the rollouts of which the rows tell. */
static enum tc_error read_rollouts_named(struct store *store, const struct why_question *question,
                                         struct why_facts *facts, struct tc_fault *fault)
{
    size_t instructions = (size_t)facts->instruction_rows.count, activities = (size_t)facts->activity_rows.count;
    int64_t *ids = why_allocate(instructions + activities + 1, sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < instructions; i++)
        ids[count++] = sql_why_instructions_at(&facts->instruction_rows, (int)i).rollout;
    for (size_t i = 0; i < activities; i++)
        ids[count++] = sql_why_activities_at(&facts->activity_rows, (int)i).rollout; /* 0 for none */
    if (question->rollout != 0)
        ids[count++] = question->rollout;
    const struct sql_why_rollouts_params params = {.rollouts = {ids, count}, .patterns = question->patterns};
    enum tc_error error = sql_why_rollouts(store, &params, &facts->rollout_rows, fault);
    free(ids);
    if (error != TC_OK)
        return error;
    facts->rollout_count = (size_t)facts->rollout_rows.count;
    facts->rollouts = why_allocate(facts->rollout_count, sizeof *facts->rollouts);
    for (size_t i = 0; i < facts->rollout_count; i++) {
        const struct sql_why_rollouts_row row = sql_why_rollouts_at(&facts->rollout_rows, (int)i);
        take_rollout(&row, &facts->rollouts[i]);
    }
    return read_running(store, question, facts, fault);
}

/* ---- instructions and activities ---- */

enum group_state why_group_state_of(const char *name)
{
    enum group_state state = GROUP_WAITING; /* also of a state that a later version wrote: nothing of it starts */
    (void)group_state_parse(name, &state);
    return state;
}

static void take_instruction(const struct why_facts *facts, const struct sql_why_instructions_row *row,
                             struct why_instruction *item)
{
    *item = (struct why_instruction){
        .id = row->id,
        .rollout = why_find_rollout(facts, row->rollout),
        .device = row->device,
        .is_node = row->is_node,
        .is_shown = row->is_shown,
        .is_collect = row->is_collect,
        .state = (enum instruction_state)row->state,
        .substate = (enum instruction_substate)row->substate,
        .attempt = row->attempt,
        .deferrals = row->deferrals,
        .progress = row->has_progress ? row->progress : -1,
        .was_deferred = row->was_deferred,
        .code = row->code,
        .group_is_open = strcmp(row->group_state, group_state_name(GROUP_OPEN)) == 0 && row->group_paused_by == NULL,
        .group = {.name = row->group_name,
                  .state = why_group_state_of(row->group_state),
                  .soaks_until = why_time_of(row->soaks_until_ms, row->soaks_until_text),
                  .paused_by = row->group_paused_by,
                  .paused_reason = row->group_paused_reason,
                  .paused_at = why_time_of(row->group_paused_ms, row->group_paused_text)},
        .is_frozen = row->is_frozen,
        .frozen_by = row->frozen_by,
        .frozen = why_time_of(row->frozen_ms, row->frozen_text),
        .frozen_until = why_time_of(row->frozen_until_ms, row->frozen_until_text),
        .excluded_by = row->excluded_by,
        .excluded_reason = row->excluded_reason,
        .is_skipped = row->is_skipped,
        .excluded_at = why_time_of(row->excluded_ms, row->excluded_text),
        .is_due = row->is_due,
        .due = why_time_of(row->due_ms, row->due_text),
        .window_is_open = row->window_is_open,
        .window_opens = why_time_of(row->window_opens_ms, row->window_opens_text),
        .since = why_time_of(row->since_ms, row->since_text),
        .deadline = why_time_of(row->deadline_ms, row->deadline_text),
        .device_offline = why_time_of(row->device_offline_ms, row->device_offline_text),
        .node_offline = why_time_of(row->node_offline_ms, row->node_offline_text),
        .device_held_until = why_time_of(row->device_held_ms, row->device_held_text),
        .device_held_reason = row->device_held_reason == NULL ? "" : row->device_held_reason,
        .before = -1,
    };
    if (row->waits_for_name != NULL)
        item->waits_for = (struct why_group){.name = row->waits_for_name,
                                             .state = why_group_state_of(row->waits_for_state),
                                             .soaks_until = why_time_of(row->waits_until_ms, row->waits_until_text)};
    TC_CHECK(item->rollout != NULL);
}

static enum tc_error count_before(struct store *store, const struct sql_why_instructions_row *row,
                                  struct why_instruction *item, struct tc_fault *fault)
{
    const struct why_rollout *rollout = item->rollout;
    bool counts = item->state == CREATED && item->is_due && item->group_is_open && rollout->is_known &&
                  rollout->allowance != INT64_MAX;
    if (!counts)
        return TC_OK;
    const struct sql_why_before_params params = {.rollout = rollout->id,
                                                 .group_no = row->group_no,
                                                 .due_us = row->due_us,
                                                 .instruction = row->id,
                                                 .most = WHY_COUNT_MAX + 1};
    struct sql_why_before_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_why_before(store, &params, &rows, fault);
    if (error == TC_OK)
        item->before = sql_why_before_at(&rows, 0).before;
    return error;
}

/* Among the first of a rollout, `before` is the position there; it is not counted of others, of which there may be
 * thousands. */
static enum tc_error set_before(struct store *store, const struct why_question *question, struct why_facts *facts,
                                struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    const struct why_instruction *counted = NULL;
    for (size_t i = 0; error == TC_OK && i < (size_t)facts->instruction_rows.count; i++) {
        struct why_instruction *item = &facts->instructions[i];
        const struct sql_why_instructions_row row = sql_why_instructions_at(&facts->instruction_rows, (int)i);
        /* In the order of claims: before a later one of the rollout there are no fewer. */
        if (counted != NULL && counted->rollout == item->rollout && counted->before > WHY_COUNT_MAX)
            item->before = counted->before;
        else if (question->rollout == 0)
            error = count_before(store, &row, item, fault);
        if (item->before >= 0)
            counted = item;
        for (size_t at = 0; at < facts->line_count; at++) {
            if (facts->line[at].instruction == item->id)
                item->before = facts->line[at].before;
        }
    }
    return error;
}

static void take_activity(const struct why_facts *facts, const struct sql_why_activities_row *row,
                          struct why_activity *activity)
{
    *activity = (struct why_activity){
        .device = row->device,
        .rollout = row->has_rollout ? why_find_rollout(facts, row->rollout) : NULL,
        .is_shown = row->is_shown,
        .is_collect = row->is_collect,
        .is_doubtful = row->is_doubtful,
        .is_down = row->is_down,
        .state = (enum instruction_state)row->state,
        .since = why_time_of(row->since_ms, row->since_text),
    };
}

static struct why_place *find_place(struct why_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->place_count; i++) {
        if (strcmp(sql_why_places_at(&facts->place_rows, (int)i).place, name) == 0)
            return &facts->places[i];
    }
    return NULL;
}

/* The instructions of a place lie together. Those of a branch that was not asked for have none. */
static void take_instructions(struct why_facts *facts)
{
    struct why_place *place = NULL;
    const char *name = NULL;
    for (size_t i = 0; i < (size_t)facts->instruction_rows.count; i++) {
        const struct sql_why_instructions_row row = sql_why_instructions_at(&facts->instruction_rows, (int)i);
        if (name == NULL || strcmp(row.place, name) != 0)
            place = find_place(facts, row.place);
        name = row.place;
        if (place != NULL && place->instruction_count++ == 0)
            place->instructions = &facts->instructions[i];
    }
}

static size_t take_activities_of(struct why_facts *facts, struct why_place *place, const char *name)
{
    for (size_t i = 0; i < (size_t)facts->activity_rows.count; i++) {
        const struct sql_why_activities_row row = sql_why_activities_at(&facts->activity_rows, (int)i);
        if (strcmp(row.place, name) == 0)
            take_activity(facts, &row, &place->activities[place->activity_count++]);
    }
    return place->activity_count;
}

static void make_places(struct why_facts *facts)
{
    size_t instructions = (size_t)facts->instruction_rows.count;
    facts->place_count = (size_t)facts->place_rows.count;
    facts->places = why_allocate(facts->place_count, sizeof *facts->places);
    facts->activities = why_allocate((size_t)facts->activity_rows.count + instructions, sizeof *facts->activities);
    take_instructions(facts);
    struct why_activity *free_activities = facts->activities;
    for (size_t i = 0; i < facts->place_count; i++) {
        const struct sql_why_places_row row = sql_why_places_at(&facts->place_rows, (int)i);
        struct why_place *place = &facts->places[i];
        place->now = why_time_of(row.now_ms, row.now_text);
        place->branch = row.is_branch ? row.place : "";
        place->machines = row.machines;
        place->activities = free_activities;
        free_activities += take_activities_of(facts, place, row.place) + place->instruction_count;
    }
}

/* ---- reading ---- */

enum tc_error why_read_places(struct store *store, const struct why_question *question, struct why_facts *facts,
                              struct tc_fault *fault)
{
    const struct sql_texts branches = {question->branches, question->branch_count};
    const struct sql_texts devices = {question->devices, question->device_count};
    const struct sql_why_places_params places = {.branches = branches, .devices = devices};
    const struct sql_why_instructions_params instructions = {.branches = branches,
                                                             .devices = devices,
                                                             .rollout = question->rollout,
                                                             .line = {question->line, question->line_count},
                                                             .patterns = question->patterns,
                                                             .most = INSTRUCTIONS_MAX};
    const struct sql_why_activities_params activities = {
        .branches = branches, .devices = devices, .patterns = question->patterns};
    enum tc_error error = sql_why_places(store, &places, &facts->place_rows, fault);
    if (error == TC_OK)
        error = sql_why_instructions(store, &instructions, &facts->instruction_rows, fault);
    if (error == TC_OK)
        error = sql_why_activities(store, &activities, &facts->activity_rows, fault);
    if (error == TC_OK)
        error = read_rollouts_named(store, question, facts, fault);
    if (error != TC_OK)
        return error;
    facts->instructions = why_allocate((size_t)facts->instruction_rows.count, sizeof *facts->instructions);
    for (size_t i = 0; i < (size_t)facts->instruction_rows.count; i++) {
        const struct sql_why_instructions_row row = sql_why_instructions_at(&facts->instruction_rows, (int)i);
        take_instruction(facts, &row, &facts->instructions[i]);
    }
    error = set_before(store, question, facts, fault);
    make_places(facts);
    return error;
}
