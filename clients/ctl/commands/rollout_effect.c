#include "clients/ctl/commands/rollout_effect.h"

#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* Numbers of devices of a rollout or a group. */
struct part {
    int64_t devices, waiting, at_work, completed;
    int64_t unsuccessful; /* failed, timed out or refused */
    int64_t ended;
};

struct effect {
    const char *verb, *question, *nothing; /* `nothing`: what the fault says when the answer was no */
    void (*put)(const struct part *part, const json_t *rollout, struct buffer *text);
};

static void put_finishing(const struct part *part, struct buffer *text)
{
    buffer_put_text(text, "; ");
    document_put_counted(text, part->at_work, "is at work and finishes", "are at work and finish");
}

static void put_pause(const struct part *part, const json_t *rollout, struct buffer *text)
{
    (void)rollout;
    document_put_counted(text, part->waiting, "waits and does not start", "wait and do not start");
    put_finishing(part, text);
    buffer_put_text(text, "; ");
    document_put_counted(text, part->ended, "has ended", "have ended");
}

static void put_start(const struct part *part, const json_t *rollout, struct buffer *text)
{
    (void)rollout;
    document_put_counted(text, part->waiting, "waits and may start", "wait and may start");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->at_work, "is at work", "are at work");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->ended, "has ended", "have ended");
}

static void put_cancel(const struct part *part, const json_t *rollout, struct buffer *text)
{
    (void)rollout;
    document_put_counted(text, part->waiting, "waits and is cancelled", "wait and are cancelled");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->at_work, "is at work, and finishes if it has its instruction",
                         "are at work, and finish if they have their instructions");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->ended, "has ended and stays as it is", "have ended and stay as they are");
}

static void put_retry(const struct part *part, const json_t *rollout, struct buffer *text)
{
    (void)rollout;
    document_put_counted(text, part->unsuccessful, "failed, timed out or refused, and is tried again",
                         "failed, timed out or refused, and are tried again");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->waiting, "waits and may start as well", "wait and may start as well");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->at_work, "is at work", "are at work");
}

static void put_rollback(const struct part *part, const json_t *rollout, struct buffer *text)
{
    (void)rollout;
    document_put_counted(text, part->completed, "completed and returns to its previous version",
                         "completed and return to their previous version");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->waiting, "waits and is cancelled", "wait and are cancelled");
    put_finishing(part, text);
}

static void put_promote(const struct part *part, const json_t *rollout, struct buffer *text)
{
    int64_t behind = document_number(rollout, "devices") - part->devices;
    document_put_counted(text, part->completed, "completed", "completed");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->unsuccessful, "failed, timed out or refused", "failed, timed out or refused");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->at_work, "is at work", "are at work");
    buffer_put_text(text, "; ");
    document_put_counted(text, part->waiting, "waits", "wait");
    buffer_put_text(text, "; other groups have ");
    document_put_counted(text, behind, "device", "devices");
}

static const struct effect effects[] = {
    {"pause", "Pause it?", "nothing was paused", put_pause},
    {"resume", "Resume it?", "nothing was resumed", put_start},
    {"cancel", "Cancel it?", "nothing was cancelled", put_cancel},
    {"retry", "Retry them?", "nothing is tried again", put_retry},
    {"promote", "Promote the group?", "nothing was promoted", put_promote},
    {"rollback", "Roll it back?", "nothing was rolled back", put_rollback},
    {"break-glass", "Let it run without approvals?", "nothing was let run", put_start},
};

static struct part read_part(const json_t *document)
{
    const struct rollout_share share = rollout_share_read(document);
    struct part part = {
        .devices = share.bar.total,
        .waiting = document_number(json_object_get(document, "counts"), "created"),
        .at_work = share.bar.under_way,
        .completed = share.bar.completed,
        .unsuccessful = share.failed + share.refused,
    };
    part.ended = part.devices - part.waiting - part.at_work;
    return part;
}

/* The document of the group, or of the rollout with `name` NULL. An unknown group is the daemon's to refuse. */
static const json_t *find_part(const json_t *rollout, const char *name)
{
    size_t i;
    const json_t *group;
    if (name == NULL)
        return rollout;
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        if (strcmp(document_text(group, "name"), name) == 0)
            return group;
    }
    return NULL;
}

/* "rollout 42  atm-app-4.7.2  group pilot: 105 devices: 2 wait and do not start; …" */
static void say(const struct session *session, const struct effect *effect, const json_t *rollout, const char *group,
                const struct part *part)
{
    struct buffer text = {0};
    buffer_format(&text, "rollout %" PRId64 "  ", document_number(rollout, "rollout"));
    (void)text_put_clean(&text, document_text(rollout, "name"), 0, session->err.utf8);
    if (group != NULL) {
        buffer_put_text(&text, "  group ");
        (void)text_put_clean(&text, group, 0, session->err.utf8);
    }
    buffer_put_text(&text, ", ");
    document_put_counted(&text, part->devices, "device: ", "devices: ");
    effect->put(part, rollout, &text);
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

static void put_numbers(const struct session *session, const json_t *rollout, const char *group,
                        const struct part *part)
{
    json_t *numbers =
        json_pack("{s:I, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I}", "rollout",
                  (json_int_t)document_number(rollout, "rollout"), "name", document_text(rollout, "name"), "group",
                  group, "version", (json_int_t)document_number(rollout, "version"), "devices",
                  (json_int_t)part->devices, "waiting", (json_int_t)part->waiting, "at_work", (json_int_t)part->at_work,
                  "completed", (json_int_t)part->completed, "unsuccessful", (json_int_t)part->unsuccessful);
    session_put_json(session, numbers);
    json_decref(numbers);
}

static const struct effect *find_effect(const char *verb)
{
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
        if (strcmp(effects[i].verb, verb) == 0)
            return &effects[i];
    }
    return NULL;
}

bool rollout_effect_accepted(const struct session *session, const json_t *rollout, const char *verb, const char *group,
                             int *code)
{
    const struct effect *effect = find_effect(verb);
    const json_t *document = find_part(rollout, group);
    bool is_dry_run = session_has(session, "dry-run");
    *code = EXIT_HEALTHY;
    if (document == NULL && is_dry_run)
        *code = session_fail(session, EXIT_ERROR, "rollout %" PRId64 " has no group %s",
                             document_number(rollout, "rollout"), group);
    if (effect == NULL || document == NULL)
        return !is_dry_run;
    const struct part part = read_part(document);
    if (is_dry_run && session->json)
        put_numbers(session, rollout, group, &part);
    else
        say(session, effect, rollout, group, &part);
    if (is_dry_run || session_confirm(session, effect->question))
        return !is_dry_run;
    *code = session_fail(session, EXIT_ERROR, "%s", effect->nothing);
    return false;
}
