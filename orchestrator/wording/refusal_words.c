#include "orchestrator/wording/refusal_words.h"

#include "base/buffer.h"
#include "orchestrator/rollout/rollout_state.h"

#include <inttypes.h>
#include <string.h>

/* {name} is replaced by a fact: see put_fact(). */
static const char *const words[REFUSAL_COUNT] = {
    [REFUSAL_OWN_NAME] = "tellercast is the orchestrator's own name: an operator must use another",
    [REFUSAL_NO_ROLLOUT] = "there is no rollout {rollout}",
    [REFUSAL_UNKNOWN_STATE] = "rollout {rollout} is {state}, an unknown state to this version: use a newer version",
    [REFUSAL_STATE] = "rollout {rollout} is {state}: {operation} is not possible; allowed: {allowed}",
    [REFUSAL_IS_COLLECT] = ("rollout {rollout} collects a file of one device: {operation} is not possible; allowed: "
                            "approve, reject, pause, resume, cancel, retry, break-glass"),
    [REFUSAL_OLD_VERSION] = "rollout {rollout} is {state} at version {version}, not at version {seen_version}{last}",
    [REFUSAL_TO_BE_ROLLED_BACK] = "rollout {rollout} already has a rollback request",
    [REFUSAL_ROLLED_BACK] = "rollout {rollout} is rolled back by rollout {other}",
    [REFUSAL_SUPERSEDED] = "rollout {rollout} is superseded by rollout {other}, {name}",
    [REFUSAL_RETRY_AFTER_END] = "the end of rollout {rollout} has passed: no attempt can start",
    [REFUSAL_NOTHING_TO_RETRY] = "nothing of rollout {rollout} failed, timed out or was rejected",
    [REFUSAL_NOT_AN_INSTALL] = "rollout {rollout} does not install: it cannot be rolled back",
    [REFUSAL_NOTHING_TO_TAKE_BACK] =
        ("no device completed rollout {rollout} or was taken out of service by it: there is "
         "nothing to take back"),
    [REFUSAL_RESUME_WAITS] = ("{who} ordered the resume of rollout {rollout} already; {given} of {needed} approvals "
                              "were given: approve or reject it"),
    [REFUSAL_OTHER_NAME] = "rollout {rollout} is named {name}: the new plan must have the same name",
    [REFUSAL_SAME_PLAN] = "rollout {rollout} has this plan already",
    [REFUSAL_OTHER_DIGEST] = "the plan of rollout {rollout} now has the digest {digest}: read it again",
    [REFUSAL_IS_AUTHOR] = "{actor} is an author of this plan: another person must {operation} it",
    [REFUSAL_UNKNOWN_AUTHOR] =
        ("{who} has a part in this plan, and the name is linked to no person: an admin must say who "
         "it is: tellercast person link PERSON author {who}"),
    [REFUSAL_NO_GROUP] = "rollout {rollout} has no group {group}",
    [REFUSAL_APPROVED_BEFORE] = "{actor} already approved it at {at}, for another reason",
    [REFUSAL_REJECTED_BEFORE] = "{actor} already rejected it at {at}, for another reason",
    [REFUSAL_NEEDS_NO_APPROVAL] = "group {group} needs no approval",
    [REFUSAL_GROUP_AWAITS_NONE] = ("group {group} is {state}: {operation} is not possible; allowed: "
                                   "awaiting_approval, or open if it is reached and has soaked"),
    [REFUSAL_APPROVE_AFTER_END] = "the end of rollout {rollout} has passed: nothing could start",
    [REFUSAL_ORDERED_RESUME] = "{actor} ordered the resume: another person must {operation} it",
    [REFUSAL_RESUME_APPROVED_BEFORE] = "{actor} already approved the resume, for another reason",
    [REFUSAL_NEEDS_NO_GLASS] = "rollout {rollout} is {state} and waits for no approval: resume it",
    [REFUSAL_NO_REVIEW] = "there is no review {other}",
    [REFUSAL_HAS_PART] = "{actor} has a part in what review {other} is about: another person must review it",
    [REFUSAL_REVIEWED_BEFORE] = "{actor} already reviewed it at {at}, with another answer or reason",
    [REFUSAL_REVIEW_ENDED] = "review {other} has ended: it is {state}",
    [REFUSAL_GROUP_IS_NOT_OPEN] = "group {group} is {state}: promote is not possible; allowed: open, not_reached",
    [REFUSAL_NOTHING_SILENT] =
        ("group {group} has no silent or deferring device that it was not promoted past already; a device that "
         "was not started or is installing is neither"),
    [REFUSAL_ALL_SILENT] = "all of group {group} is silent or defers: no device shows that the rollout works",
    [REFUSAL_OUT_OF_REACH] =
        ("without its silent and deferring devices group {group} cannot reach its gate of {percent} % "
         "either: promote skips those, but not failed ones"),
    [REFUSAL_GROUP_IS_REACHABLE] =
        "group {group} is {state}: a promotion past what failed is not possible; allowed: not_reached",
    [REFUSAL_NOTHING_FAILED] = "nothing of group {group} failed, timed out or was rejected",
    [REFUSAL_ALL_FAILED] = "no device of group {group} completed: no device shows that the rollout works",
    [REFUSAL_FAILURES_ALLOW_IT] =
        "the failures of group {group} allow its gate: they do not keep the next group waiting",
    [REFUSAL_OTHER_FAILURES] =
        ("without the failures that were named, as far as no other attempt followed, group {group} "
         "cannot reach its gate of {percent} % either: order the promotion again"),
    [REFUSAL_TOO_MANY_FAILURES] =
        ("more than {needed} devices of group {group} failed: no promotion goes past so many; "
         "retry them, or roll back"),
    [REFUSAL_NO_AMENDMENT] = "rollout {rollout} has no amendment {other}",
    [REFUSAL_OTHER_AMENDMENT] = "amendment {other} of rollout {rollout} has the digest {digest}: read it again",
    [REFUSAL_AMENDMENT_ENDED] = "amendment {other} of rollout {rollout} is {state}: it does not wait for approvals",
    [REFUSAL_AMENDED_IT] = "{actor} is an author of this amendment or of the plan: another person must {operation} it",
    [REFUSAL_AMENDED_BY] =
        ("amendment {other} of rollout {rollout} was ordered by {who}: only its author may withdraw it; "
         "an approver may reject it"),
    [REFUSAL_AMENDS_NOTHING] = "rollout {rollout} has this value already",
    [REFUSAL_END_HAS_PASSED] = "the end {at} has passed: it must be in the future; to end the rollout now, cancel it",
    [REFUSAL_END_BEFORE_START] = "the end {at} must be after the startAt of rollout {rollout}",
    [REFUSAL_AMEND_AFTER_END] = "the end of rollout {rollout} has passed: it cannot be amended any more",
    [REFUSAL_LOOSENS_UNAPPROVED] =
        "rollout {rollout} awaits its approval, and this loosens it: revise its plan instead",
    [REFUSAL_EXCLUDED_BEFORE] = "{places} is out of rollout {rollout} already",
    [REFUSAL_NOT_A_MEMBER] = "rollout {rollout} has no device of {places}",
    [REFUSAL_ALL_ENDED] = ("all devices of {places} have ended in rollout {rollout}: there is nothing to {operation}, "
                           "and what has ended stays "
                           "in its gates and abort criteria"),
    [REFUSAL_TOO_MANY_EXCLUSIONS] =
        "rollout {rollout} has {needed} exclusions of this kind already: exclude by another label",
    [REFUSAL_GROUP_PAUSED] = "group {group} is paused already",
    [REFUSAL_GROUP_NOT_PAUSED] = "group {group} is not paused",
    [REFUSAL_NAME_TAKEN] = "this name is taken by rollout {other} with another plan",
    [REFUSAL_KEY_TAKEN] = "this idempotency key is taken by rollout {other} with another plan",
    [REFUSAL_HAS_ROLLBACK] = "the rollout that this one takes back already has a rollback",
    [REFUSAL_MAY_NOT_PREEMPT] = "{who} may not preempt: needs a person whom the setting policy.preempt names",
    [REFUSAL_NO_DEVICE] = "there is no device {device}",
    [REFUSAL_IN_SERVICE] = "device {device} is neither out of service nor retired: there is nothing to return",
    [REFUSAL_RETIRED_BEFORE] = "device {device} is retired already",
    [REFUSAL_IS_RETIRED] = "device {device} is retired: to take it back needs role admin",
    [REFUSAL_DATABASE_IN_USE] = "the database is not refused: there is nothing to accept",
    [REFUSAL_RESTORE_ACCEPTED] =
        "the database is not refused: there is nothing to accept; {who} accepted a restore at {at}",
    [REFUSAL_NO_KEY] = "there is no signing key {name}: see tellercast key list",
    [REFUSAL_KEY_REVOKED] = "the signing key {name} is revoked already",
    [REFUSAL_LAST_KEY] = ("the signing key {name} is the only one that is left: nothing would be signed, and {devices} "
                          "could not be told; rotate first, or revoke it with --last"),
    [REFUSAL_NEEDED_KEY] = ("without the signing key {name} {devices} could not be told any more: wait until every "
                            "device trusts another key (tellercast key list), or revoke it with --last"),
    [REFUSAL_KEY_NOT_OFFERED] = "the signing key {name} is not offered: only an offered key can begin to sign",
    [REFUSAL_ROTATION_UNDER_WAY] = "a rotation is under way: see tellercast key list",
    [REFUSAL_RESERVED_NAME] = "{who} is a name of the orchestrator: a person must have another",
    [REFUSAL_NO_PERSON] = "there is no person {who}",
    [REFUSAL_PERSON_EXISTS] = "there is a person {who} already",
    [REFUSAL_PERSON_DISABLED] = "{who} is disabled: enable it first",
    [REFUSAL_PERSON_ENABLED] = "{who} is not disabled",
    [REFUSAL_NAME_IS_ALIAS] = "{name} is another name of {who}: a person must have a name of its own",
    [REFUSAL_NO_ROLE] = "{who} does not have role {name}",
    [REFUSAL_LAST_ADMIN] = "{who} is the last admin: grant role admin to another person first",
    [REFUSAL_ADMINS_EXIST] = ("two admins have valid tokens: they make further admins: "
                              "tellercast person grant {who} admin"),
    [REFUSAL_ALIAS_TAKEN] = "{name} is linked to {who}: unlink it first",
    [REFUSAL_NO_ALIAS] = "{who} does not have the alias {name}",
    [REFUSAL_AUTHOR_STAYS] = "{name} is in the record of what {who} did: it stays linked",
    [REFUSAL_TOO_MANY_TOKENS] = "{who} has {needed} valid tokens: revoke one first",
    [REFUSAL_TOKENS_A_DAY] = "{who} got {needed} tokens within 24 hours, and gets no more for now",
    [REFUSAL_NO_TOKEN] = "there is no token {name}",
    [REFUSAL_TOKEN_REVOKED] = "the token {name} is revoked already",
    [REFUSAL_NOT_WAITING] = "the token {name} does not wait for a second admin",
    [REFUSAL_TOO_MANY_SCOPES] = "{who} would have roles in more scopes than fit: withdraw one first",
    [REFUSAL_OUT_OF_SCOPE] = "needs role {roles} {where}",
    [REFUSAL_ORDERED_SAME] = "{actor} ordered it: another admin must confirm it",
    [REFUSAL_VERSION_BLOCKED] = ("rollout {rollout} installs {name} {artifact_version}, which {who} blocked at {at}: "
                                 "{operation} is not possible "
                                 "until it is unblocked; the reason: {why}"),
    [REFUSAL_BLOCKED_BEFORE] = "{name} {artifact_version} is blocked already, by {who} at {at}; the reason: {why}",
    [REFUSAL_NOT_BLOCKED] = "{name} {artifact_version} is not blocked",
    [REFUSAL_ORDERED_UNBLOCK] = "{actor} ordered to unblock {name} {artifact_version}: another person must confirm it",
    [REFUSAL_UNBLOCK_NEEDS_APPROVER] =
        "{who} ordered to unblock {name} {artifact_version}: to confirm it needs role approver",
    [REFUSAL_NO_FREEZE] = "there is no freeze {other}",
    [REFUSAL_TOO_MANY_FREEZES] = "{needed} freezes are in force already: lift one first",
    [REFUSAL_FREEZE_LIFTED] = "freeze {other} is lifted already, by {who} at {at}",
    [REFUSAL_MAY_NOT_LIFT] = "{actor} may not lift freezes: needs a person whom the setting policy.lift_freeze names",
    [REFUSAL_ORDERED_LIFT] = "{actor} ordered to lift freeze {other}: another person must confirm it",
    [REFUSAL_LIFT_NEEDS_APPROVER] = "{who} ordered to lift freeze {other}: to confirm it needs role approver",
};

/* Appends the states in which the operation is legal. */
static void put_allowed(const struct refusal *refusal, struct buffer *text)
{
    const char *comma = "";
    for (size_t i = 0; i < rollout_rule_count; i++) {
        if (rollout_rules[i].on != refusal->event)
            continue;
        buffer_format(text, "%s%s", comma, rollout_state_name(rollout_rules[i].from));
        comma = ", ";
    }
}

static void put_last(const struct refusal *refusal, struct buffer *text)
{
    if (refusal->last_kind[0] != '\0')
        buffer_format(text, "; last event: %s, by %s, at %s", refusal->last_kind, refusal->last_actor,
                      refusal->last_at);
}

static void put_fact(const struct refusal *refusal, const char *name, size_t length, struct buffer *text)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"operation", refusal->operation},
        {"actor", refusal->actor},
        {"who", refusal->who},
        {"device", refusal->device},
        {"group", refusal->group},
        {"name", refusal->name},
        {"state", refusal->state},
        {"at", refusal->at},
        {"digest", refusal->digest},
        {"why", refusal->why},
        {"artifact_version", refusal->artifact_version},
        {"roles", refusal->roles},
        {"places", refusal->places},
    };
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"rollout", refusal->rollout}, {"version", refusal->version}, {"seen_version", refusal->seen_version},
        {"given", refusal->given},     {"needed", refusal->needed},   {"other", refusal->other},
    };
#define IS(known) (strlen(known) == length && memcmp(known, name, length) == 0)
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (IS(texts[i].name)) {
            buffer_put_text(text, texts[i].value);
            return;
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (IS(numbers[i].name)) {
            buffer_format(text, "%" PRId64, numbers[i].value);
            return;
        }
    }
    if (IS("percent"))
        buffer_format(text, "%g", refusal->percent);
    else if (IS("allowed"))
        put_allowed(refusal, text);
    else if (IS("devices"))
        buffer_format(text, "%" PRId64 " device%s", refusal->devices, refusal->devices == 1 ? "" : "s");
    else if (IS("where"))
        buffer_format(text, "%s%s", refusal->places[0] == '\0' ? "everywhere, not in a scope" : "in ", refusal->places);
    else if (IS("last"))
        put_last(refusal, text);
    else
        tc_check_failed("a fact of a refusal", __FILE__, __LINE__);
#undef IS
}

void refusal_put_words(const struct refusal *refusal, struct tc_fault *fault)
{
    if (refusal->reason == REFUSAL_NONE)
        return;
    struct buffer text = {0};
    const char *rest = words[refusal->reason];
    for (const char *brace = strchr(rest, '{'); brace != NULL; brace = strchr(rest, '{')) {
        const char *end = strchr(brace, '}');
        TC_CHECK(end != NULL);
        buffer_put(&text, rest, (size_t)(brace - rest));
        put_fact(refusal, brace + 1, (size_t)(end - brace - 1), &text);
        rest = end + 1;
    }
    buffer_put_text(&text, rest);
    (void)tc_fault_set(fault, fault->code, "%s", buffer_text(&text));
    buffer_free(&text);
}
