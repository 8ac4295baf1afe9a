/* Why instructions wait: of a device, of a branch, and of a rollout. */
#include "base/clock.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/preparation/preview.h"
#include "orchestrator/store/why.h"
#include "orchestrator/wording/why_words.h"
#include "topics/json_text.h"

#include <string.h>

enum { EXAMPLES_MAX = 3 };

static json_t *time_of(const struct why_time *time)
{
    char text[TC_TIME_TEXT_SIZE];
    if (time->ms == 0)
        return json_null();
    clock_format(time->ms, text);
    return json_string(text);
}

static json_t *reason_of(const struct why_instruction *item, const struct why_reason *reason)
{
    struct buffer text = {0};
    why_put_words(item, reason, &text);
    bool is_named = reason->activity != NULL && reason->activity->is_shown;
    /* `other` is of the same device, which the reader sees. */
    const struct why_rollout *rollout = reason->other != NULL ? reason->other->rollout
                                        : is_named            ? reason->activity->rollout
                                                              : NULL;
    json_t *document = json_pack("{s:s, s:o, s:o, s:o, s:s?, s:o}", "code", why_code_name(reason->code), "text",
                                 json_string(buffer_text(&text)), "until", time_of(&reason->until), "since",
                                 time_of(&reason->since), "device", is_named ? reason->activity->device : NULL,
                                 "rollout", rollout == NULL ? json_null() : json_integer(rollout->id));
    TC_CHECK(document != NULL);
    buffer_free(&text);
    return document;
}

static json_t *reasons_of(const struct why_instruction *item)
{
    json_t *reasons = json_array();
    for (size_t i = 0; i < item->reason_count; i++)
        TC_CHECK(json_array_append_new(reasons, reason_of(item, &item->reasons[i])) == 0);
    return reasons;
}

static json_t *instruction_of(const struct why_instruction *item)
{
    json_t *document =
        json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o}", "instruction", (json_int_t)item->id, "rollout",
                  (json_int_t)item->rollout->id, "name", item->rollout->name, "device", item->device, "group",
                  item->group.name, "state", instruction_state_name(item->state), "substate",
                  instruction_substate_name(item->state, item->substate), "attempt", (json_int_t)item->attempt,
                  "verdict", why_verdict_name(item->verdict), "reasons", reasons_of(item));
    TC_CHECK(document != NULL);
    return document;
}

/* `device` NULL: of all that the reader may see. */
static json_t *place_of(struct why_facts *facts, const char *device)
{
    size_t count;
    json_t *instructions = json_array();
    struct why_place *place = why_facts_places(facts, &count);
    TC_CHECK(count == 1);
    why_explain(place);
    for (size_t i = 0; i < place->instruction_count; i++) {
        const struct why_instruction *item = &place->instructions[i];
        if (item->is_shown && (device == NULL || strcmp(item->device, device) == 0))
            TC_CHECK(json_array_append_new(instructions, instruction_of(item)) == 0);
    }
    json_t *document = json_pack("{s:o, s:s?, s:s?, s:I, s:o}", "at", time_of(&place->now), "device", device, "branch",
                                 *place->branch == '\0' ? NULL : place->branch, "machines", (json_int_t)place->machines,
                                 "instructions", instructions);
    TC_CHECK(document != NULL);
    return document;
}

/* ---- a rollout ---- */

static json_t *groups_of(const struct why_facts *facts)
{
    size_t count;
    json_t *groups = json_array();
    const struct why_group *waits_for = NULL;
    const struct why_group_facts *all = why_facts_groups(facts, &count);
    for (size_t i = 0; i < count; i++) {
        struct why_instruction item = {.rollout = why_facts_rollout(facts), .group = all[i].group};
        if (waits_for != NULL)
            item.waits_for = *waits_for;
        if (all[i].group.paused_by != NULL || (all[i].group.state != GROUP_OPEN && all[i].group.state != GROUP_PASSED))
            why_explain_group(&item);
        if (waits_for == NULL && all[i].group.state != GROUP_PASSED)
            waits_for = &all[i].group;
        json_t *group = json_pack(
            "{s:s, s:s, s:o, s:o}", "group", all[i].group.name, "state", group_state_name(all[i].group.state),
            "waiting", all[i].waiting < 0 ? json_null() : json_integer(all[i].waiting), "reasons", reasons_of(&item));
        TC_CHECK(json_array_append_new(groups, group) == 0);
    }
    return groups;
}

static json_t *zones_of(const struct why_facts *facts)
{
    size_t count;
    json_t *zones = json_array();
    const struct why_zone *all = why_facts_zones(facts, &count);
    for (size_t i = 0; i < count; i++) {
        json_t *zone = json_pack("{s:s, s:b, s:o, s:s}", "zone", all[i].name, "open", all[i].is_open, "changes_at",
                                 time_of(&all[i].changes), "changes", all[i].changes.text);
        TC_CHECK(json_array_append_new(zones, zone) == 0);
    }
    return zones;
}

/* Counts an instruction under the first of its reasons, with the sentence of the first such instruction. */
static void count_reason(const struct why_instruction *item, json_t *lines)
{
    const char *code = why_code_name(item->reasons[0].code);
    json_t *line = json_object_get(lines, code);
    if (line == NULL) {
        line = reason_of(item, &item->reasons[0]);
        TC_CHECK(json_object_set_new(line, "verdict", json_string(why_verdict_name(item->verdict))) == 0 &&
                 json_object_set_new(line, "devices", json_integer(0)) == 0 &&
                 json_object_set_new(line, "examples", json_array()) == 0 &&
                 json_object_set_new(lines, code, line) == 0);
    }
    json_t *devices = json_object_get(line, "devices"), *examples = json_object_get(line, "examples");
    TC_CHECK(json_integer_set(devices, json_integer_value(devices) + 1) == 0);
    if (json_array_size(examples) < EXAMPLES_MAX)
        TC_CHECK(json_array_append_new(examples, json_string(item->device)) == 0);
}

/* The first in line by reason; in the order of their first instruction. */
static json_t *line_of(struct why_facts *facts)
{
    size_t count, explained = 0;
    json_t *lines = json_object(), *line = json_array();
    struct why_place *places = why_facts_places(facts, &count);
    for (size_t i = 0; i < count; i++) {
        why_explain(&places[i]);
        for (size_t at = 0; at < places[i].instruction_count; at++) {
            const struct why_instruction *item = &places[i].instructions[at];
            if (!item->is_shown || !why_facts_is_in_line(facts, item->id))
                continue;
            explained++;
            count_reason(item, lines);
        }
    }
    const char *code;
    json_t *value;
    json_object_foreach(lines, code, value)
    {
        TC_CHECK(json_array_append(line, value) == 0);
    }
    json_decref(lines);
    json_t *document = json_pack("{s:I, s:b, s:o}", "explained", (json_int_t)explained, "more",
                                 explained == WHY_LINE_MAX, "reasons", line);
    TC_CHECK(document != NULL);
    return document;
}

static json_t *rollout_of(struct why_facts *facts)
{
    const struct why_rollout *rollout = why_facts_rollout(facts);
    struct why_instruction whole = {.rollout = rollout};
    why_explain_rollout(&whole);
    json_t *document =
        json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o}", "rollout", (json_int_t)rollout->id, "name", rollout->name,
                  "state", rollout_state_name(rollout->state), "reasons", reasons_of(&whole), "groups",
                  groups_of(facts), "zones", zones_of(facts), "line", line_of(facts));
    TC_CHECK(document != NULL);
    return document;
}

/* ---- requests ---- */

static void answer(struct http_request *request, enum tc_error error, json_t *document, struct tc_fault *fault)
{
    struct buffer json = {0};
    if (error == TC_OK)
        json_text_put_value(&json, document);
    json_decref(document);
    http_answer_document(request, http_name_missing(error, fault), &json, fault);
}

void rollout_why(struct http_request *request)
{
    struct why_facts *facts = NULL;
    struct tc_fault fault;
    int64_t id;
    json_t *document = NULL;
    enum tc_error error = http_read_rollout_id(request, &id, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = why_read_rollout(store, id, http_request_patterns(request),
                                 request->http->config.preview->default_per_minute, &facts, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    if (error == TC_OK)
        document = rollout_of(facts);
    why_facts_free(facts);
    answer(request, error, document, &fault);
}

static void answer_place(struct http_request *request, bool is_device)
{
    struct why_facts *facts = NULL;
    struct tc_fault fault;
    json_t *document = NULL;
    enum tc_error error = TC_OK;
    if (!id_is_valid(request->variable, strlen(request->variable)))
        error = tc_fault_set(&fault, TC_NOT_FOUND, "an ID must be 1 to 64 of A-Z a-z 0-9 _ -");
    if (error == TC_OK) {
        int64_t per_minute = request->http->config.preview->default_per_minute;
        const char *patterns = http_request_patterns(request);
        struct store *store = store_pool_take(request->http->config.stores);
        error = is_device ? why_read_device(store, request->variable, patterns, per_minute, &facts, &fault)
                          : why_read_branch(store, request->variable, patterns, per_minute, &facts, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    if (error == TC_OK)
        document = place_of(facts, is_device ? request->variable : NULL);
    why_facts_free(facts);
    answer(request, error, document, &fault);
}

void device_why(struct http_request *request)
{
    answer_place(request, true);
}

void branch_why(struct http_request *request)
{
    answer_place(request, false);
}
