#include "clients/ctl/commands/rollout.h"

#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum tone rollout_state_tone(const char *state)
{
    switch (rollout_phase_of(state)) {
    case ROLLOUT_HEALTHY: return TONE_GOOD;
    case ROLLOUT_ABORTED: return TONE_BAD;
    case ROLLOUT_HELD: return TONE_WARN;
    default: return TONE_BUSY;
    }
}

enum tone instruction_state_tone(const char *state)
{
    static const char *const bad[] = {"failed", "rejected", "timed_out"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strcmp(bad[i], state) == 0)
            return TONE_BAD;
    }
    return strcmp(state, "completed") == 0 ? TONE_GOOD : TONE_PLAIN;
}

struct search {
    const char *name;
    int64_t id;
};

static bool is_searched(void *context, const json_t *rollout)
{
    struct search *search = context;
    if (strcmp(document_text(rollout, "name"), search->name) != 0)
        return true;
    search->id = document_number(rollout, "rollout");
    return false;
}

bool rollout_find(struct session *session, const char *name, int64_t *id, int *code)
{
    enum { DIGITS_MAX = 18 };
    size_t digits = strspn(name, "0123456789");
    if (digits > 0 && digits <= DIGITS_MAX && name[digits] == '\0') {
        *id = strtoll(name, NULL, 10);
        return true;
    }
    struct search search = {name, 0};
    *code = session_walk(session, "/v1/rollouts", "rollouts", is_searched, &search);
    if (*code == EXIT_HEALTHY && search.id == 0)
        *code = session_fail(session, EXIT_ERROR, "no rollout is called \"%.80s\"", name);
    *id = search.id;
    return search.id != 0;
}

json_t *rollout_get(struct session *session, int64_t id, int *code)
{
    char path[64];
    char subject[64];
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64, id);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, id);
    return session_get(session, path, subject, code);
}

bool rollout_timeout(const struct session *session, int64_t *timeout_ms, int *code)
{
    const char *text = session_option(session, "timeout");
    *timeout_ms = -1;
    if (text == NULL || text_parse_duration(text, timeout_ms))
        return true;
    *code = session_fail_usage(session, "--timeout: found \"%.32s\", allowed: such as 90s, 10m or 2h", text);
    return false;
}

static void add_rollout(struct table *table, const json_t *rollout)
{
    struct bar_share share =
        rollout_share_read(json_object_get(rollout, "counts"), document_number(rollout, "devices"));
    const char *state = document_text(rollout, "state");
    table_add_id(table, TONE_PLAIN, document_number(rollout, "rollout"));
    table_add(table, TONE_STRONG, document_text(rollout, "name"));
    table_add(table, rollout_state_tone(state), state);
    if (json_is_integer(json_object_get(rollout, "version")))
        table_add_id(table, TONE_PLAIN, document_number(rollout, "version"));
    else
        table_add(table, TONE_PLAIN, "");
    table_add_count(table, TONE_PLAIN, share.total);
    table_add_count(table, TONE_GOOD, share.completed);
    table_add_count(table, TONE_BAD, share.failed);
    table_add_time(table, document_text(rollout, "submitted_at"));
    table_add(table, TONE_PLAIN, document_text(rollout, "author"));
    table_add(table, TONE_PLAIN, document_text(rollout, "door"));
}

int run_rollout_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"ID", true, 4, 0},      {"NAME", false, 14, 0},    {"STATE", false, 9, 0}, {"VERSION", true, 0, 4},
        {"DEVICES", true, 0, 0}, {"COMPLETED", true, 0, 0}, {"FAILED", true, 0, 0}, {"SUBMITTED", false, 20, 1},
        {"BY", false, 5, 2},     {"DOOR", false, 0, 3},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    const struct listing listing = {
        "/v1/rollouts", "rollouts", columns, sizeof columns / sizeof *columns,
        add_rollout,    false,      limit,   "no rollout; submit one with: tellercast rollout submit FILE"};
    return session_list(session, &listing);
}

static void say_what_it_waits_for(const struct session *session, const json_t *rollout)
{
    const char *state = document_text(rollout, "state");
    int64_t id = document_number(rollout, "rollout");
    size_t i;
    const json_t *group;
    if (strcmp(state, "awaiting_approval") == 0)
        session_say(session, "It waits for approval: tellercast rollout approve %" PRId64 " --reason REASON", id);
    if (strcmp(state, "paused") == 0)
        session_say(session, "It is paused: tellercast rollout resume %" PRId64 " --reason REASON", id);
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        if (group_waits_for_person(group))
            session_say(session, "A group waits: tellercast rollout approve %" PRId64 " --group %s --reason REASON", id,
                        document_text(group, "name"));
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
        say_what_it_waits_for(session, rollout);
    }
    json_decref(rollout);
    return EXIT_HEALTHY;
}
