#include "orchestrator/wording/why_words.h"

#include "base/fault.h"
#include "topics/message.h"

#include <inttypes.h>
#include <string.h>

static bool is_known(const struct why_time *time)
{
    return time->ms != 0;
}

/* Appends " since 00:41 Asia/Shanghai". */
static void put_time(const char *word, const struct why_time *time, struct buffer *text)
{
    if (is_known(time))
        buffer_format(text, " %s %s", word, time->text);
}

/* With commas between the thousands. */
static void put_number(int64_t number, struct buffer *text)
{
    if (number >= 1000)
        buffer_format(text, "%" PRId64 ",%03" PRId64, number / 1000, number % 1000);
    else
        buffer_format(text, "%" PRId64, number);
}

static void put_count(int64_t count, struct buffer *text)
{
    if (count > WHY_COUNT_MAX)
        buffer_put_text(text, "more than ");
    put_number(count > WHY_COUNT_MAX ? WHY_COUNT_MAX : count, text);
}

static void put_ordinal(int64_t number, struct buffer *text)
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    bool is_teen = number % 100 >= 11 && number % 100 <= 13;
    buffer_format(text, "%" PRId64 "%s", number, endings[is_teen || number % 10 > 3 ? 0 : number % 10]);
}

static void put_held(const char *what, const struct why_instruction *item, const struct why_reason *reason,
                     struct buffer *text)
{
    const struct why_rollout *rollout = item->rollout;
    buffer_put_text(text, what);
    if (*rollout->held_by != '\0')
        buffer_format(text, " by %s", rollout->held_by);
    put_time("since", &reason->since, text);
    if (*rollout->held_reason != '\0')
        buffer_format(text, ": %s", rollout->held_reason);
}

static void put_activity(const struct why_activity *activity, struct buffer *text)
{
    buffer_put_text(text, activity->is_shown ? activity->device : "another machine");
    if (activity->is_down)
        buffer_put_text(text, " is out of service");
    else if (activity->is_doubtful)
        buffer_put_text(text, " was given up and may still be installing,");
    else if (activity->state == CREATED)
        buffer_put_text(text, " starts before it");
    else
        buffer_format(text, " is %s", instruction_state_name(activity->state));
    if (activity->is_down || activity->state != CREATED)
        put_time("since", &activity->since, text);
}

/* Appends ": A3 is installing since 00:41 Asia/Shanghai", of who is in the way. */
static void put_in_the_way(const struct why_reason *reason, struct buffer *text)
{
    if (reason->activity == NULL)
        return;
    buffer_put_text(text, ": ");
    put_activity(reason->activity, text);
}

/* Says how many keep a group from passing, if it is known. */
static void put_unfinished(const struct why_group *group, struct buffer *text)
{
    if (group->unfinished > 0)
        buffer_format(text, ": %" PRId64 " of its devices %s not ended", group->unfinished,
                      group->unfinished == 1 ? "has" : "have");
}

static void put_group(const struct why_instruction *item, const struct why_reason *reason, struct buffer *text)
{
    bool waits = item->group.state == GROUP_WAITING && item->waits_for.name != NULL;
    const char *group = waits ? item->waits_for.name : item->group.name;
    if (waits)
        buffer_format(text, "group %s waits: ", item->group.name);
    switch (reason->code) {
    case WHY_GROUP_SOAKING:
        buffer_format(text, "group %s soaks", group);
        put_time("until", &reason->until, text);
        return;
    case WHY_GROUP_AWAITING_APPROVAL: buffer_format(text, "group %s waits for an approval", group); return;
    case WHY_GROUP_NOT_REACHED: buffer_format(text, "group %s cannot reach its gate any more", group); return;
    default: buffer_format(text, waits ? "group %s has not passed" : "group %s is not open", group); break;
    }
    if (waits)
        put_unfinished(&item->waits_for, text);
}

static void put_reason(const char *reason, struct buffer *text)
{
    if (*reason != '\0')
        buffer_format(text, ": %s", reason);
}

static void put_paused(const struct why_group *group, struct buffer *text)
{
    buffer_format(text, "group %s is paused by %s", group->name, group->paused_by);
    put_time("since", &group->paused_at, text);
    put_reason(group->paused_reason, text);
}

static void put_excluded(const struct why_instruction *item, struct buffer *text)
{
    buffer_format(text, "%s by %s", item->is_skipped ? "skipped" : "excluded from the rollout", item->excluded_by);
    put_time("at", &item->excluded_at, text);
    put_reason(item->excluded_reason, text);
}

static void put_rate(const struct why_reason *reason, struct buffer *text)
{
    buffer_put_text(text, "the rate allows ");
    put_number(reason->limit, text);
    buffer_put_text(text, reason->limit == 1 ? " start a minute" : " starts a minute");
    if (reason->count < 0)
        return;
    buffer_put_text(text, ", and ");
    put_count(reason->count, text);
    buffer_put_text(text, reason->count == 1 ? " is before it" : " are before it");
}

static void put_again(const struct why_instruction *item, const struct why_reason *reason, struct buffer *text)
{
    if (reason->code == WHY_DEFERRED && strcmp(item->code, CODE_HELD_BY_TECHNICIAN) == 0) {
        buffer_put_text(text, "a technician at the machine holds it"); /* such deferrals are not counted */
    } else if (reason->code == WHY_DEFERRED) {
        buffer_put_text(text, "the device deferred it for the ");
        put_ordinal(reason->count, text);
        buffer_put_text(text, " time");
    } else {
        buffer_put_text(text, "its last attempt did not complete");
    }
    if (*item->code != '\0')
        buffer_format(text, " (%s)", item->code);
    put_time("and it is due again at", &reason->until, text);
}

static void put_progress(const struct why_reason *reason, struct buffer *text)
{
    buffer_put_text(text, "it is installing");
    put_time("since", &reason->since, text);
    if (reason->count >= 0)
        buffer_format(text, ", at %" PRId64 " %%", reason->count);
}

/* Appends what was done and what is awaited, with its deadline. */
static void put_stage(const char *done, const char *awaited, const struct why_reason *reason, struct buffer *text)
{
    buffer_put_text(text, done);
    put_time("at", &reason->since, text);
    buffer_put_text(text, awaited);
    put_time("until", &reason->until, text);
}

static void put_budget(const struct why_reason *reason, struct buffer *text)
{
    buffer_format(text, "its branch is at its budget of %" PRId64, reason->limit);
    put_in_the_way(reason, text);
}

static void put_busy(const struct why_reason *reason, struct buffer *text)
{
    const struct why_activity *activity = reason->activity;
    buffer_put_text(text, "the device has another instruction");
    if (activity->rollout != NULL)
        buffer_format(text, ", of rollout %" PRId64 " (%s)", activity->rollout->id, activity->rollout->name);
    put_time("since", &reason->since, text);
}

static void put_node_at_work(const struct why_reason *reason, struct buffer *text)
{
    buffer_put_text(text, "the node of its branch goes first and alone");
    put_in_the_way(reason, text);
}

static void put_approvals(const struct why_rollout *rollout, const struct why_reason *reason, struct buffer *text)
{
    if (reason->code == WHY_PROMOTION_AWAITING_APPROVAL)
        buffer_format(text, "the promotion of group %s past what failed", rollout->promoted);
    else
        buffer_put_text(text, "the rollout");
    buffer_format(text, " waits for approval: %" PRId64 " of %" PRId64 " given", reason->count, reason->limit);
}

void why_put_words(const struct why_instruction *item, const struct why_reason *reason, struct buffer *text)
{
    const struct why_rollout *rollout = item->rollout;
    switch (reason->code) {
    case WHY_ROLLOUT_PLANNING: buffer_put_text(text, "the rollout is being planned"); return;
    case WHY_ROLLOUT_AWAITING_APPROVAL:
    case WHY_PROMOTION_AWAITING_APPROVAL: put_approvals(rollout, reason, text); return;
    case WHY_ROLLOUT_PAUSED: put_held("the rollout is paused", item, reason, text); return;
    case WHY_ROLLOUT_ENDING: put_held("the rollout is being cancelled", item, reason, text); return;
    case WHY_ROLLOUT_ENDED: buffer_format(text, "the rollout is %s", rollout_state_name(rollout->state)); return;
    case WHY_NEWER_VERSION:
        buffer_put_text(text, "only a newer version of the orchestrator knows all that the plan says");
        return;
    case WHY_VERSION_BLOCKED: buffer_put_text(text, "the version that it installs is blocked"); return;
    case WHY_FROZEN:
        buffer_format(text, item->is_frozen ? "frozen by %s" : "a freeze by %s touches its group", item->frozen_by);
        put_time("until", &reason->until, text);
        return;
    case WHY_EXCLUDED: put_excluded(item, text); return;
    case WHY_GROUP_PAUSED: put_paused(&item->group, text); return;
    case WHY_GROUP_WAITING:
    case WHY_GROUP_SOAKING:
    case WHY_GROUP_AWAITING_APPROVAL:
    case WHY_GROUP_NOT_REACHED: put_group(item, reason, text); return;
    case WHY_NO_WINDOW:
        buffer_put_text(text, "no window of the plan is left for it");
        put_time("and the rollout ends at", &reason->until, text);
        return;
    case WHY_DEFERRED:
    case WHY_BACKOFF: put_again(item, reason, text); return;
    case WHY_SCHEDULED: put_stage("it is scheduled", "", &(struct why_reason){.since = reason->until}, text); return;
    case WHY_DECIDING:
        buffer_put_text(text, "its last attempt has ended, and the conductor decides whether another follows");
        return;
    case WHY_AWAITING_REPORT:
        buffer_put_text(text, "the device did it in the time that a restore lost, and its report is awaited");
        return;
    case WHY_WINDOW_CLOSED:
        put_stage("its window opens", "", &(struct why_reason){.since = reason->until}, text);
        return;
    case WHY_HIGHER_PRIORITY:
        buffer_format(text, "rollout %" PRId64 " (%s), which has a higher priority, needs the device",
                      reason->other->rollout->id, reason->other->rollout->name);
        return;
    case WHY_DEVICE_BUSY: put_busy(reason, text); return;
    case WHY_NODE_LAST: buffer_put_text(text, "a node goes last of its branch, and alone"); return;
    case WHY_NODE_AT_WORK: put_node_at_work(reason, text); return;
    case WHY_NO_HEADROOM:
        buffer_put_text(text, "the disruption budget lets no machine of its branch be out of service");
        return;
    case WHY_BRANCH_BUDGET: put_budget(reason, text); return;
    case WHY_BRANCH_REPAIR:
        buffer_put_text(text, "another machine of its branch that is out of service is being upgraded");
        return;
    case WHY_RATE: put_rate(reason, text); return;
    case WHY_DUE: buffer_put_text(text, "it is due, and starts next"); return;
    case WHY_ORDERED: put_stage("it was ordered", ", and the device may ask for it", reason, text); return;
    case WHY_WITHDRAWN: buffer_put_text(text, "it is being withdrawn from the device"); return;
    case WHY_ANSWERED: put_stage("the device was answered", ", and may acknowledge it", reason, text); return;
    case WHY_PREPARING: put_stage("the device has it, received", ", and may begin to install", reason, text); return;
    case WHY_INSTALLING: put_progress(reason, text); return;
    case WHY_NODE_OFFLINE:
        buffer_put_text(text, "the node of its branch is offline");
        put_time("since", &reason->since, text);
        return;
    case WHY_DEVICE_HELD:
        buffer_put_text(text, "a technician at the machine holds it");
        put_time("until", &reason->until, text);
        if (*item->device_held_reason != '\0')
            buffer_format(text, ": %s", item->device_held_reason);
        return;
    case WHY_DEVICE_OFFLINE:
        buffer_put_text(text, "the device is offline");
        put_time("since", &reason->since, text);
        return;
    case WHY_CODE_COUNT: break;
    }
    tc_check_failed("a reason why an instruction waits", __FILE__, __LINE__);
}
