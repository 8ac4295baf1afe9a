#include "clients/ctl/commands/device.h"
#include "clients/ctl/commands/device_filter.h"
#include "clients/ctl/commands/freeze.h"
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_pairs(struct table *table, const json_t *object)
{
    struct buffer text = {0};
    document_put_pairs(object, &text);
    table_add(table, TONE_PLAIN, buffer_text(&text));
    buffer_free(&text);
}

static void add_presence(struct table *table, const json_t *presence)
{
    const char *state = document_text(presence, "state");
    enum tone tone = strcmp(state, "online") == 0 ? TONE_GOOD : strcmp(state, "offline") == 0 ? TONE_BAD : TONE_PLAIN;
    if (!json_is_object(json_object_get(presence, "hold"))) {
        table_add(table, tone, state);
        return;
    }
    struct buffer text = {0};
    buffer_format(&text, "%s, held", state);
    table_add(table, TONE_WARN, buffer_text(&text));
    buffer_free(&text);
}

static void add_state(struct table *table, const char *state)
{
    bool is_bad = strcmp(state, "unavailable") == 0;
    table_add(table, is_bad ? TONE_BAD : TONE_PLAIN, strcmp(state, "idle") == 0 ? "" : state);
}

static void add_device(struct table *table, const json_t *device)
{
    table_add(table, TONE_STRONG, document_text(device, "device"));
    table_add(table, TONE_PLAIN, document_text(device, "branch"));
    table_add(table, TONE_PLAIN, document_text(device, "role"));
    add_state(table, document_text(device, "state"));
    table_add(table, TONE_PLAIN, document_text(device, "model"));
    add_presence(table, json_object_get(device, "presence"));
    add_pairs(table, json_object_get(device, "labels"));
    add_pairs(table, json_object_get(device, "versions"));
}

static void say_warnings(struct session *session)
{
    json_t *warnings = session_get_warnings(session);
    size_t i;
    const json_t *warning;
    json_array_foreach(warnings, i, warning)
    {
        struct buffer text = {0};
        (void)text_put_clean(&text, json_string_value(warning), 0, session->err.utf8);
        session_say(session, "Warning: %s", buffer_text(&text));
        buffer_free(&text);
    }
    json_decref(warnings);
}

int run_device_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 10, 0}, {"BRANCH", false, 8, 0},   {"ROLE", false, 4, 0},    {"STATE", false, 0, 0},
        {"MODEL", false, 12, 1},  {"PRESENCE", false, 8, 3}, {"LABELS", false, 12, 2}, {"VERSIONS", false, 0, 0},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/devices");
    bool is_part = device_filter_put(session, &path);
    is_part |= query_put_options(session, "online", "online", &path);
    const struct listing listing = {buffer_text(&path),
                                    "devices",
                                    columns,
                                    sizeof columns / sizeof *columns,
                                    add_device,
                                    false,
                                    limit,
                                    is_part ? "no such devices"
                                            : "no devices; import a fleet with: tellercast fleet import FILE"};
    if (!session->json)
        freezes_say(session);
    code = session_list(session, &listing);
    buffer_free(&path);
    if (code == EXIT_HEALTHY && !is_part)
        say_warnings(session);
    return code;
}

json_t *device_get(struct session *session, int *code)
{
    struct buffer path = {0};
    struct buffer subject = {0};
    buffer_put_text(&subject, "device ");
    (void)text_put_clean(&subject, session_argument(session, 0), 0, session->err.utf8);
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, session_argument(session, 0));
    json_t *device = session_get(session, buffer_text(&path), buffer_text(&subject), code);
    buffer_free(&path);
    buffer_free(&subject);
    return device;
}

static void put_instructions(const struct session *session, const json_t *instructions, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"INSTRUCTION", true, 0, 1}, {"ROLLOUT", true, 0, 0},   {"NAME", false, 0, 0},
        {"STATE", false, 0, 0},      {"SUBSTATE", false, 0, 4}, {"ATTEMPT", true, 0, 2},
        {"ENDED", false, 0, 3},      {"CODE", false, 0, 0},     {"DETAIL", false, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *instruction;
    json_array_foreach(instructions, i, instruction)
    {
        const char *state = document_text(instruction, "state");
        table_add_id(&table, TONE_PLAIN, document_number(instruction, "instruction"));
        table_add_id(&table, TONE_PLAIN, document_number(instruction, "rollout"));
        table_add(&table, TONE_PLAIN, document_text(instruction, "name"));
        table_add(&table, instruction_state_tone(state), state);
        table_add(&table, TONE_PLAIN, document_text(instruction, "substate"));
        table_add_id(&table, TONE_PLAIN, document_number(instruction, "attempt"));
        table_add_time(&table, document_text(instruction, "ended_at"));
        table_add(&table, TONE_PLAIN, document_text(instruction, "code"));
        table_add(&table, TONE_PLAIN, document_text(instruction, "detail"));
    }
    if (i > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

static void put_hold(const struct session *session, const json_t *hold, struct buffer *out)
{
    struct buffer text = {0};
    if (!json_is_object(hold))
        return;
    buffer_put_text(&text, "by a technician until ");
    text_put_time(&text, document_text(hold, "until"));
    buffer_format(&text, ": %s", document_text(hold, "reason"));
    session_put_fact(session, "held", buffer_text(&text), out);
    buffer_free(&text);
}

static void put_presence(const struct session *session, const json_t *presence, struct buffer *out)
{
    struct buffer text = {0};
    const char *since = document_text(presence, "since"), *agent = document_text(presence, "agent");
    buffer_put_text(&text, document_text(presence, "state"));
    if (*since != '\0') {
        buffer_put_text(&text, " since ");
        text_put_time(&text, since);
    }
    session_put_fact(session, "presence", buffer_text(&text), out);
    buffer_clear(&text);
    if (*document_text(presence, "heard_at") != '\0') {
        text_put_time(&text, document_text(presence, "heard_at"));
        session_put_fact(session, "last heard", buffer_text(&text), out);
    }
    if (*agent != '\0')
        session_put_fact(session, "agent", agent, out);
    buffer_free(&text);
}

static void put_unavailable(const struct session *session, const json_t *unavailable, struct buffer *out)
{
    struct buffer text = {0};
    if (!json_is_object(unavailable))
        return;
    buffer_format(&text, "%s since ", document_text(unavailable, "code"));
    text_put_time(&text, document_text(unavailable, "since"));
    buffer_format(&text, ", by rollout %" PRId64, document_number(unavailable, "rollout"));
    session_put_fact(session, "unavailable", buffer_text(&text), out);
    buffer_free(&text);
}

static void put_retired(const struct session *session, const json_t *retired, struct buffer *out)
{
    struct buffer text = {0};
    if (!json_is_object(retired))
        return;
    buffer_put_text(&text, "since ");
    text_put_time(&text, document_text(retired, "at"));
    buffer_put_text(&text, ", by ");
    (void)text_put_clean(&text, document_text(retired, "by"), 0, session->out.utf8);
    buffer_put_text(&text, ": ");
    (void)text_put_clean(&text, document_text(retired, "reason"), 0, session->out.utf8);
    session_put_fact(session, "retired", buffer_text(&text), out);
    buffer_free(&text);
}

int run_device_show(struct session *session)
{
    int code;
    json_t *device = device_get(session, &code);
    if (device == NULL)
        return code;
    if (session->json) {
        session_put_json(session, device);
    } else {
        struct buffer out = {0};
        session_put_heading(session, document_text(device, "device"), &out);
        freezes_put(session, json_object_get(device, "freezes"), &out);
        session_put_fact(session, "branch", document_text(device, "branch"), &out);
        session_put_fact(session, "role", document_text(device, "role"), &out);
        session_put_fact(session, "model", document_text(device, "model"), &out);
        session_put_fact(session, "zone", document_text(device, "zone"), &out);
        session_put_pairs(session, "labels", json_object_get(device, "labels"), &out);
        session_put_pairs(session, "versions", json_object_get(device, "versions"), &out);
        put_presence(session, json_object_get(device, "presence"), &out);
        put_hold(session, json_object_get(json_object_get(device, "presence"), "hold"), &out);
        put_unavailable(session, json_object_get(device, "unavailable"), &out);
        put_retired(session, json_object_get(device, "retired"), &out);
        put_instructions(session, json_object_get(device, "instructions"), &out);
        session_put(&out);
        buffer_free(&out);
    }
    json_decref(device);
    return EXIT_HEALTHY;
}
