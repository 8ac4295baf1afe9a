#include "orchestrator/wording/finding_words.h"

#include "topics/json_text.h"

#include <inttypes.h>
#include <stdlib.h>

static void put_name(const struct plan_finding *finding, const char *allowed, struct buffer *text)
{
    buffer_format(text, "found \"%s\", allowed: %s", finding->name, allowed);
}

static void put_zone(const struct plan_finding *finding, const char *who, struct buffer *text)
{
    buffer_format(
        text, "%s \"%s\" has the zone \"%.64s\", which the database server does not know (devices in it: %" PRId64 ")",
        who, finding->name, finding->zone, finding->devices);
}

static void put_block(const struct version_block *block, struct buffer *text)
{
    buffer_format(text, "%s %s is blocked, by %s at %s; the reason: %s", block->name, block->version, block->by,
                  block->at, block->reason);
}

void plan_finding_put_words(const struct plan_finding *finding, struct buffer *text)
{
    switch (finding->kind) {
    case PLAN_BRANCH_UNKNOWN: put_name(finding, "a branch of the fleet", text); return;
    case PLAN_DEVICE_UNKNOWN: put_name(finding, "a device of the fleet", text); return;
    case PLAN_ROLLOUT_UNKNOWN: put_name(finding, "a rollout that was submitted", text); return;
    case PLAN_SELECTS_NOTHING: buffer_put_text(text, "selects no device of the fleet"); return;
    case PLAN_ZONE_UNKNOWN:
        buffer_format(text, "the database server does not know the plan's zone \"%.80s\"", finding->name);
        return;
    case PLAN_BRANCH_ZONE_UNKNOWN: put_zone(finding, "branch", text); return;
    case PLAN_DEVICE_ZONE_UNKNOWN: put_zone(finding, "device", text); return;
    case PLAN_VERSION_BLOCKED: put_block(&finding->block, text); return;
    case PLAN_END_HAS_PASSED: /* config/plan.h has the words */
    case PLAN_IS_SOUND: break;
    }
    tc_check_failed("a finding in a plan", __FILE__, __LINE__);
}

void plan_faults_take(void *context, const struct plan_finding *finding)
{
    const struct plan_faults *found = context;
    if (finding->kind == PLAN_END_HAS_PASSED) {
        plan_fault_add_over(found->plan, found->faults);
        return;
    }
    struct buffer text = {0};
    plan_finding_put_words(finding, &text);
    plan_fault_add(found->plan, PLAN_FINDING_IS_OF_FLEET(finding->kind) ? found->obstacles : found->faults,
                   finding->path, "%s", buffer_text(&text));
    buffer_free(&text);
}

static void add_fleet_finding(const struct fleet_finding *finding, struct document_faults *faults)
{
    unsigned line = finding->line;
    const char *path = finding->path, *name = finding->name;
    switch (finding->kind) {
    case FLEET_ZONE_UNKNOWN:
        document_fault_add(faults, line, 0, path, "found \"%s\", allowed: an IANA time zone, as \"Europe/Berlin\"",
                           name);
        return;
    case FLEET_BRANCH_TWICE:
        document_fault_add(faults, line, 0, path, "there is a branch \"%s\" already, in line %u", name,
                           finding->first_line);
        return;
    case FLEET_DEVICE_TWICE:
        document_fault_add(faults, line, 0, path, "there is a device \"%s\" already, in line %u", name,
                           finding->first_line);
        return;
    case FLEET_ID_OF_BRANCH:
        document_fault_add(faults, line, 0, path, "only a branch's node may have the branch's ID");
        return;
    case FLEET_BRANCH_UNKNOWN:
        document_fault_add(faults, line, 0, path, "found \"%s\", allowed: a branch of this file or of the fleet", name);
        return;
    case FLEET_IN_FLIGHT:
        document_fault_add(faults, line, 0, path,
                           "device \"%s\" has an instruction in flight and cannot change its branch or role now", name);
        return;
    case FLEET_RETIRED:
        document_fault_add(faults, line, 0, path,
                           "device \"%s\" is retired; to use its ID again: tellercast device return %s --reason TEXT",
                           name, name);
        return;
    case FLEET_FINDING_COUNT: break;
    }
    tc_check_failed("a finding in a fleet", __FILE__, __LINE__);
}

void fleet_findings_add(struct fleet_findings *findings, struct document_faults *faults)
{
    for (size_t i = 0; i < findings->count; i++)
        add_fleet_finding(&findings->items[i], faults);
    faults->total += findings->total - findings->count;
    free(findings->items);
    *findings = (struct fleet_findings){0};
}

void fleet_warnings_write(const struct fleet_warning *warnings, struct buffer *json)
{
    static const char *const words[FLEET_WARNING_COUNT][2] = {
        [FLEET_WARNS_OF_USER_NAMES] = {"named like a user of the broker",
                                       "anyone with its password can act as that user"},
        [FLEET_WARNS_OF_DASHES] = {"whose ID begins with -",
                                   "a command reads it as an option unless -- comes before it"},
        [FLEET_WARNS_OF_LABELS] = {"with its own label role, model or branch", "the label never matches"},
        [FLEET_WARNS_OF_NO_ZONE] = {"without branch and zone", "its windows are in UTC"},
    };
    const char *comma = "";
    buffer_put_text(json, "[");
    for (int kind = 0; kind < FLEET_WARNING_COUNT; kind++) {
        if (warnings[kind].count == 0)
            continue;
        struct buffer text = {0};
        buffer_format(&text, "%" PRId64 " %s, such as %s: %s", warnings[kind].count, words[kind][0],
                      warnings[kind].example, words[kind][1]);
        buffer_put_text(json, comma);
        json_text_put(json, buffer_text(&text));
        buffer_free(&text);
        comma = ",";
    }
    buffer_put_text(json, "]");
}
