#include "orchestrator/store/act.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Copies what fits, as valid UTF-8 without a cut character. */
static void copy(char *to, size_t size, const char *text)
{
    size_t at = 0, length = text == NULL ? 0 : strlen(text);
    while (length > 0) {
        size_t next = utf8_character_length(text, length);
        size_t taken = next == 0 ? 1 : next;
        if (at + taken >= size)
            break;
        if (next == 0)
            to[at] = '?';
        else
            memcpy(to + at, text, taken);
        at += taken;
        text += taken;
        length -= taken;
    }
    to[at] = '\0';
}

struct act act_begin(const struct subject *subject, enum access_operation operation, const char *endpoint,
                     const char *address)
{
    struct act act = {.subject = *subject, .endpoint = endpoint, .outcome = ACT_DONE, .times = 1};
    act_goes_by(&act, operation);
    copy(act.person, sizeof act.person, subject->name);
    copy(act.credential, sizeof act.credential, subject->credential);
    copy(act.address, sizeof act.address, address);
    copy(act.operation, sizeof act.operation, access_operation_name(operation));
    copy(act.verb, sizeof act.verb, act.operation);
    return act;
}

struct act act_begin_unknown(const char *endpoint, const char *address, const char *name, const char *verb)
{
    struct act act = {.endpoint = endpoint, .outcome = ACT_REFUSED, .times = 1};
    copy(act.credential, sizeof act.credential, name);
    copy(act.address, sizeof act.address, address);
    copy(act.operation, sizeof act.operation, verb);
    copy(act.verb, sizeof act.verb, verb);
    return act;
}

struct act act_begin_own(const char *orchestrator, const char *verb)
{
    struct act act = act_begin_unknown("machine", "", "the settings of tellercastd", verb);
    act.outcome = ACT_DONE;
    act_set_object(&act, "orchestrator", orchestrator);
    return act;
}

void act_set_person(struct act *act, const char *person)
{
    if (act != NULL)
        copy(act->person, sizeof act->person, person);
}

void act_goes_by(struct act *act, enum access_operation operation)
{
    _Static_assert(ACCESS_OPERATION_COUNT <= 64, "each operation has a bit");
    if (act != NULL)
        act->decided |= UINT64_C(1) << operation;
}

void act_set_verb(struct act *act, const char *verb)
{
    if (act != NULL)
        copy(act->verb, sizeof act->verb, verb);
}

void act_set_object(struct act *act, const char *kind, const char *object)
{
    if (act == NULL)
        return;
    copy(act->object_kind, sizeof act->object_kind, kind);
    copy(act->object, sizeof act->object, object);
}

void act_set_rollout(struct act *act, int64_t rollout)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%" PRId64, rollout);
    act_set_object(act, "rollout", number);
}

void act_set_reason(struct act *act, const char *reason)
{
    if (act != NULL)
        copy(act->reason, sizeof act->reason, reason);
}

void act_set_seen(struct act *act, const char *digest, int64_t version)
{
    if (act == NULL)
        return;
    copy(act->digest, sizeof act->digest, digest);
    act->version = version;
}

void act_set_pairs(struct act *act, const char *const *pairs)
{
    struct buffer json = {0};
    if (act == NULL)
        return;
    buffer_put_text(&json, "{");
    for (; pairs[0] != NULL; pairs += 2) {
        if (pairs[1] == NULL || *pairs[1] == '\0')
            continue;
        buffer_format(&json, "%s\"%s\":", json.length == 1 ? "" : ",", pairs[0]);
        json_text_put(&json, pairs[1]);
    }
    buffer_put_text(&json, "}");
    act->details[0] = '\0';
    if (json.length > 2 && json.length < sizeof act->details)
        memcpy(act->details, buffer_text(&json), json.length + 1);
    buffer_free(&json);
}

void act_set_refused(struct act *act, enum act_outcome outcome, const char *refusal)
{
    if (act == NULL)
        return;
    act->outcome = outcome;
    act->at_ms = clock_monotonic_ms();
    copy(act->refusal, sizeof act->refusal, refusal);
}
