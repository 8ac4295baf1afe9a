/* A store in which nothing waits. */
#include "orchestrator/store/why.h"
#include "tests/unit/http_stubs.h"

static struct why_place empty_place = {.now = {.text = ""}, .branch = "B1"};
static const struct why_rollout a_rollout = {
    .id = 7, .name = "a", .state = ROLLOUT_RUNNING, .is_known = true, .held_by = "", .held_reason = ""};

static enum tc_error give(const char *patterns, struct why_facts **facts, struct tc_fault *fault)
{
    http_fixture_note_patterns(patterns);
    *facts = NULL;
    if (http_fixture_store_answers != TC_OK)
        return tc_fault_set(fault, http_fixture_store_answers, "the store says no");
    return TC_OK;
}

enum tc_error why_read_branch(struct store *store, const char *branch, const char *patterns, int64_t default_per_minute,
                              struct why_facts **facts, struct tc_fault *fault)
{
    (void)store, (void)branch, (void)default_per_minute;
    return give(patterns, facts, fault);
}

enum tc_error why_read_device(struct store *store, const char *device, const char *patterns, int64_t default_per_minute,
                              struct why_facts **facts, struct tc_fault *fault)
{
    (void)store, (void)device, (void)default_per_minute;
    return give(patterns, facts, fault);
}

enum tc_error why_read_rollout(struct store *store, int64_t rollout, const char *patterns, int64_t default_per_minute,
                               struct why_facts **facts, struct tc_fault *fault)
{
    (void)store, (void)rollout, (void)default_per_minute;
    return give(patterns, facts, fault);
}

void why_facts_free(struct why_facts *facts)
{
    (void)facts;
}

struct why_place *why_facts_places(struct why_facts *facts, size_t *count)
{
    (void)facts;
    *count = 1;
    return &empty_place;
}

const struct why_rollout *why_facts_rollout(const struct why_facts *facts)
{
    (void)facts;
    return &a_rollout;
}

const struct why_group_facts *why_facts_groups(const struct why_facts *facts, size_t *count)
{
    (void)facts;
    *count = 0;
    return NULL;
}

const struct why_zone *why_facts_zones(const struct why_facts *facts, size_t *count)
{
    (void)facts;
    *count = 0;
    return NULL;
}

bool why_facts_is_in_line(const struct why_facts *facts, int64_t instruction)
{
    (void)facts, (void)instruction;
    return false;
}
