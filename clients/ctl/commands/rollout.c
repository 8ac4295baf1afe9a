#include "clients/ctl/commands/rollout.h"

#include "clients/ctl/commands/freeze.h"

#include "base/id.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char id_prefix[] = "id=", name_prefix[] = "name=";

static bool starts_with(const char *word, const char *prefix)
{
    return strncmp(word, prefix, strlen(prefix)) == 0;
}

static int fail_two(const struct session *session, const char *word, const json_t *rollouts)
{
    const json_t *by_id = json_array_get(rollouts, 0), *by_name = json_array_get(rollouts, 1);
    if (strcmp(document_text(by_id, "name"), word) == 0) {
        by_name = by_id;
        by_id = json_array_get(rollouts, 1);
    }
    return session_fail(
        session, EXIT_USAGE,
        "\"%s\" matches two rollouts: the one with the ID %s, named \"%s\", and the one named \"%s\", with "
        "the ID %" PRId64 "; nothing was done. Use id=%s or name=%s",
        word, word, document_text(by_id, "name"), word, document_number(by_name, "rollout"), word, word);
}

/* Reads "id=7"; no lookup is needed for it. */
static bool read_given_id(const struct session *session, const char *word, int64_t *id, int *code)
{
    enum { DIGITS_MAX = 18 };
    const char *number = word + strlen(id_prefix);
    size_t digits = strspn(number, "0123456789");
    *id = strtoll(number, NULL, 10);
    if (digits > 0 && digits <= DIGITS_MAX && number[digits] == '\0')
        return true;
    *code = session_fail_usage(session, "found \"%.80s\", allowed: id= and a number", word);
    return false;
}

/* Returns the rollout of `rollouts` that `word` names; NULL after the fault was shown. */
static const json_t *choose(const struct session *session, const char *word, const char *name, const json_t *rollouts,
                            int *code)
{
    bool by_name_alone = name != word;
    const json_t *rollout, *found = NULL;
    size_t i;
    json_array_foreach(rollouts, i, rollout)
    {
        if (!by_name_alone || strcmp(document_text(rollout, "name"), name) == 0)
            found = rollout;
    }
    if (found == NULL)
        *code = session_fail(session, EXIT_ERROR, "no rollout %s \"%.80s\"",
                             by_name_alone ? "is named" : "has the ID or the name", name);
    else if (!by_name_alone && json_array_size(rollouts) > 1)
        *code = fail_two(session, word, rollouts);
    else
        return found;
    return NULL;
}

bool rollout_find(struct session *session, const char *word, int64_t *id, int *code)
{
    if (starts_with(word, id_prefix))
        return read_given_id(session, word, id, code);
    const char *name = starts_with(word, name_prefix) ? word + strlen(name_prefix) : word;
    if (!name_is_valid(name, strlen(name))) {
        *code = session_fail_usage(session, "found \"%.80s\", allowed: the ID or the name of a rollout", word);
        return false;
    }
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/rollouts?reference=");
    http_put_escaped(&path, name);
    json_t *answer = session_get(session, buffer_text(&path), word, code);
    buffer_free(&path);
    if (answer == NULL)
        return false;
    const json_t *found = choose(session, word, name, json_object_get(answer, "rollouts"), code);
    *id = found == NULL ? 0 : document_number(found, "rollout");
    json_decref(answer);
    return found != NULL;
}

static json_t *get(struct session *session, int64_t id, const char *slash, const char *part, int *code)
{
    char path[64];
    char subject[64];
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "%s%s", id, slash, part);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, id);
    return session_get(session, path, subject, code);
}

json_t *rollout_get(struct session *session, int64_t id, int *code)
{
    return get(session, id, "", "", code);
}

json_t *rollout_get_part(struct session *session, int64_t id, const char *part, int *code)
{
    return get(session, id, "/", part, code);
}

bool rollout_timeout(const struct session *session, int64_t *timeout_ms, int *code)
{
    const char *text = session_option(session, "timeout");
    *timeout_ms = -1;
    if (text == NULL || text_parse_duration(text, timeout_ms))
        return true;
    *code =
        session_fail_usage(session, "--timeout: found \"%.32s\", allowed: a duration, such as 90s, 10m or 2h", text);
    return false;
}

static void add_rollout(struct table *table, const json_t *rollout)
{
    struct rollout_share share = rollout_share_read(rollout);
    const char *state = document_text(rollout, "state");
    table_add_id(table, TONE_PLAIN, document_number(rollout, "rollout"));
    table_add(table, TONE_STRONG, document_text(rollout, "name"));
    table_add(table, rollout_state_tone(state), state);
    table_add_count(table, TONE_PLAIN, share.bar.total);
    table_add_count(table, TONE_GOOD, share.bar.completed);
    table_add_count(table, TONE_BAD, share.failed);
    table_add_count(table, TONE_BAD, share.refused);
    table_add_count(table, TONE_WARN, share.retrying);
    table_add_count(table, TONE_WARN, share.not_started);
    table_add_time(table, document_text(rollout, "submitted_at"));
    table_add(table, TONE_PLAIN, document_text(rollout, "author"));
    table_add(table, TONE_PLAIN, document_text(rollout, "door"));
}

int run_rollout_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"ID", true, 4, 0},          {"NAME", false, 14, 0},      {"STATE", false, 9, 0},  {"DEVICES", true, 0, 0},
        {"COMPLETED", true, 0, 0},   {"FAILED", true, 0, 0},      {"REFUSED", true, 0, 5}, {"TO RETRY", true, 0, 5},
        {"NOT STARTED", true, 0, 5}, {"SUBMITTED", false, 20, 1}, {"BY", false, 5, 2},     {"ENDPOINT", false, 0, 3},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    const struct listing listing = {
        "/v1/rollouts", "rollouts", columns, sizeof columns / sizeof *columns,
        add_rollout,    false,      limit,   "no rollouts; submit one with: tellercast rollout submit FILE"};
    if (!session->json)
        freezes_say(session);
    return session_list(session, &listing);
}

/* Says how a paused rollout is resumed. */
static void say_how_to_resume(const struct session *session, int64_t id, const json_t *resume)
{
    int64_t required = document_number(resume, "required");
    if (*document_text(resume, "ordered_by") != '\0')
        session_say(session, "Its resume waits for approval: tellercast rollout approve %" PRId64 " --reason REASON",
                    id);
    else if (required > 0)
        session_say(session,
                    "An abort paused it: tellercast rollout resume %" PRId64 " --reason REASON; %" PRId64
                    " other %s must approve the resume",
                    id, required, required == 1 ? "person" : "people");
    else
        session_say(session, "It is paused: tellercast rollout resume %" PRId64 " --reason REASON", id);
}

/* Says how a halted rollout runs again: after a retry, or past the failures of the group that was not reached. */
static void say_how_to_go_on(const struct session *session, int64_t id, const json_t *groups)
{
    size_t i;
    const json_t *group;
    session_say(
        session,
        "It is halted. To try again what failed, and to go on with what waits: tellercast rollout retry %" PRId64
        " --reason REASON",
        id);
    json_array_foreach(groups, i, group)
    {
        const json_t *counts = json_object_get(group, "counts");
        struct rollout_share share = rollout_share_read(group);
        bool is_lost = strcmp(document_text(group, "state"), "not_reached") == 0;
        if (is_lost && document_number(counts, "timed_out") > 0)
            session_say(session,
                        "To go on past what is silent: tellercast rollout promote %" PRId64 " %s --reason REASON", id,
                        document_text(group, "name"));
        if (is_lost && share.failed + share.refused > 0)
            session_say(session,
                        "To go on past what failed, with other people's approvals: tellercast rollout promote %" PRId64
                        " %s --past failed --reason REASON",
                        id, document_text(group, "name"));
    }
}

static void say_next_steps(const struct session *session, const json_t *rollout)
{
    const char *state = document_text(rollout, "state");
    int64_t id = document_number(rollout, "rollout");
    size_t i;
    const json_t *group;
    if (strcmp(state, "awaiting_approval") == 0)
        session_say(session, "It waits for approval: tellercast rollout approve %" PRId64 " --reason REASON", id);
    if (strcmp(state, "paused") == 0)
        say_how_to_resume(session, id, json_object_get(rollout, "resume"));
    if (strcmp(state, "halted") == 0)
        say_how_to_go_on(session, id, json_object_get(rollout, "groups"));
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        if (group_awaits_decision(group, state))
            session_say(session,
                        "A group waits for approval: tellercast rollout approve %" PRId64 " --group %s --reason REASON",
                        id, document_text(group, "name"));
    }
}

int run_rollout_status(struct session *session)
{
    int64_t id;
    int code;
    if (!rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    json_t *rollout = rollout_get(session, id, &code);
    if (rollout == NULL)
        return code;
    if (session->json) {
        session_put_json(session, rollout);
    } else {
        struct buffer out = {0};
        rollout_put(session, rollout, &out);
        session_put(&out);
        buffer_free(&out);
        say_next_steps(session, rollout);
    }
    json_decref(rollout);
    return EXIT_HEALTHY;
}
