/* Why a device, a branch or a rollout waits. */
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

enum { STATUS_NOT_FOUND = 404 };

static void put_path(const char *list, const char *id, struct buffer *path)
{
    buffer_format(path, "/v1/%s/", list);
    http_put_escaped(path, id);
    buffer_put_text(path, "/why");
}

/* Gets the explanation of a branch or a device. NULL and EXIT_HEALTHY: there is none of that ID; NULL and another code:
 * the fault was shown. */
static json_t *get_place(struct session *session, const char *list, const char *id, int *code)
{
    struct tc_fault fault;
    struct http_answer answer;
    struct buffer path = {0};
    struct http *http = session_http(session, code);
    if (http == NULL)
        return NULL;
    put_path(list, id, &path);
    enum tc_error error = http_get(http, buffer_text(&path), &answer, &fault);
    buffer_free(&path);
    if (error != TC_OK) {
        *code = session_fail_fault(session, &fault);
        return NULL;
    }
    *code = EXIT_HEALTHY;
    if (http_answer_is_good(&answer))
        return answer.document;
    if (answer.status != STATUS_NOT_FOUND)
        *code = session_report_problem(session, id, answer.status, answer.document);
    http_answer_free(&answer);
    return NULL;
}

static json_t *get_rollout(struct session *session, const char *word, int *code)
{
    int64_t id;
    return rollout_find(session, word, &id, code) ? rollout_get_part(session, id, "why", code) : NULL;
}

/* "branch=B0042" is that branch, "device=B0042" its node. */
static json_t *get_given(struct session *session, const char *word, int *code)
{
    static const struct {
        const char *prefix, *list;
    } kinds[] = {{"branch=", "branches"}, {"device=", "devices"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].prefix);
        if (strncmp(word, kinds[i].prefix, length) != 0)
            continue;
        json_t *found = get_place(session, kinds[i].list, word + length, code);
        if (found == NULL && *code == EXIT_HEALTHY)
            *code = session_fail(session, EXIT_ERROR, "no %.6s has the ID \"%.80s\"", kinds[i].prefix, word + length);
        return found;
    }
    return get_rollout(session, word, code);
}

static json_t *get_why(struct session *session, const char *word, int *code)
{
    bool is_number = word[strspn(word, "0123456789")] == '\0';
    if (is_number || strchr(word, '=') != NULL)
        return get_given(session, word, code);
    json_t *found = get_place(session, "branches", word, code);
    if (found == NULL && *code == EXIT_HEALTHY)
        found = get_place(session, "devices", word, code);
    if (found == NULL && *code == EXIT_HEALTHY)
        found = get_rollout(session, word, code);
    return found;
}

/* ---- a device or a branch ---- */

static enum tone tone_of(const char *verdict)
{
    if (strcmp(verdict, "waits") == 0)
        return TONE_WARN;
    return strcmp(verdict, "at_work") == 0 ? TONE_PLAIN : TONE_GOOD;
}

/* Appends the reasons, joined by semicolons. */
static void put_reasons(const json_t *reasons, struct buffer *out)
{
    size_t i;
    const json_t *reason;
    json_array_foreach(reasons, i, reason)
    {
        buffer_put_text(out, i == 0 ? "" : "; ");
        buffer_put_text(out, document_text(reason, "text"));
    }
}

/* Of a device for which nothing waits. Returns the exit code: "its last instruction, of rollout 42 (upgrade), ended as
 * timed_out at 2026-12-01 00:00:03Z: node_silent, …" */
static int put_ended(struct session *session, const char *id, struct buffer *out)
{
    int code;
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, id);
    json_t *device = session_get(session, buffer_text(&path), id, &code);
    const json_t *last = json_array_get(json_object_get(device, "instructions"), 0);
    const char *reason = document_text(last, "code"), *detail = document_text(last, "detail");
    if (last != NULL && *document_text(last, "ended_at") != '\0') {
        buffer_format(out, "its last instruction, of rollout %" PRId64 " (", document_number(last, "rollout"));
        (void)text_put_clean(out, document_text(last, "name"), 0, session->out.utf8);
        buffer_format(out, "), ended as %s at ", document_text(last, "state"));
        text_put_time(out, document_text(last, "ended_at"));
        buffer_format(out, "%s%s%s", *reason == '\0' ? "" : ": ", reason, *detail == '\0' ? "" : ", ");
        (void)text_put_clean(out, detail, 0, session->out.utf8);
        buffer_put_text(out, "\n");
    }
    json_decref(device);
    buffer_free(&path);
    return code;
}

/* Returns the exit code. */
static int put_instructions(struct session *session, const json_t *place, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 0, 0}, {"ROLLOUT", true, 0, 0}, {"NAME", false, 0, 3},    {"GROUP", false, 0, 2},
        {"STATE", false, 0, 0},  {"ATTEMPT", true, 0, 4}, {"VERDICT", false, 0, 1}, {"WHY", false, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    int code = EXIT_HEALTHY;
    const json_t *instruction;
    json_array_foreach(json_object_get(place, "instructions"), i, instruction)
    {
        struct buffer text = {0};
        const char *state = document_text(instruction, "state"), *verdict = document_text(instruction, "verdict");
        put_reasons(json_object_get(instruction, "reasons"), &text);
        table_add(&table, TONE_STRONG, document_text(instruction, "device"));
        table_add_id(&table, TONE_PLAIN, document_number(instruction, "rollout"));
        table_add(&table, TONE_PLAIN, document_text(instruction, "name"));
        table_add(&table, TONE_PLAIN, document_text(instruction, "group"));
        table_add(&table, instruction_state_tone(state), state);
        table_add_id(&table, TONE_PLAIN, document_number(instruction, "attempt"));
        table_add(&table, tone_of(verdict), verdict);
        table_add(&table, TONE_PLAIN, buffer_text(&text));
        buffer_free(&text);
    }
    if (i > 0)
        table_put(&table, &session->out, true, out);
    else
        buffer_put_text(out, "nothing waits and nothing is at work here\n");
    if (i == 0 && *document_text(place, "device") != '\0')
        code = put_ended(session, document_text(place, "device"), out);
    table_free(&table);
    return code;
}

/* ---- a rollout ---- */

static void put_groups(const struct session *session, const json_t *rollout, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"GROUP", false, 0, 0}, {"STATE", false, 0, 0}, {"WAITING", true, 0, 1}, {"WHY", false, 0, 0}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        struct buffer text = {0};
        put_reasons(json_object_get(group, "reasons"), &text);
        table_add(&table, TONE_STRONG, document_text(group, "group"));
        table_add(&table, TONE_PLAIN, document_text(group, "state"));
        if (json_is_integer(json_object_get(group, "waiting")))
            table_add_count(&table, TONE_PLAIN, document_number(group, "waiting"));
        else
            table_add(&table, TONE_PLAIN, NULL);
        table_add(&table, TONE_PLAIN, buffer_text(&text));
        buffer_free(&text);
    }
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

static void put_zones(const struct session *session, const json_t *rollout, struct buffer *out)
{
    static const struct table_column columns[] = {{"ZONE", false, 0, 0}, {"WINDOW", false, 0, 0}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *zone;
    json_array_foreach(json_object_get(rollout, "zones"), i, zone)
    {
        struct buffer text = {0};
        const char *changes = document_text(zone, "changes");
        bool is_open = json_is_true(json_object_get(zone, "open"));
        if (*changes == '\0')
            buffer_put_text(&text, "none is left");
        else
            buffer_format(&text, "%s %s", is_open ? "open until" : "opens at", changes);
        table_add(&table, TONE_STRONG, document_text(zone, "zone"));
        table_add(&table, is_open ? TONE_GOOD : TONE_PLAIN, buffer_text(&text));
        buffer_free(&text);
    }
    if (i > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

static void put_line(const struct session *session, const json_t *line, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"DEVICES", true, 0, 0}, {"VERDICT", false, 0, 1}, {"FOR EXAMPLE", false, 0, 0}, {"WHY", false, 0, 0}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    struct buffer heading = {0};
    size_t i;
    const json_t *reason;
    buffer_put_text(&heading, "The next ");
    document_put_counted(&heading, document_number(line, "explained"), "device", "devices");
    buffer_put_text(&heading, " in line");
    json_array_foreach(json_object_get(line, "reasons"), i, reason)
    {
        const char *verdict = document_text(reason, "verdict");
        table_add_count(&table, TONE_STRONG, document_number(reason, "devices"));
        table_add(&table, tone_of(verdict), verdict);
        table_add(&table, TONE_PLAIN, json_string_value(json_array_get(json_object_get(reason, "examples"), 0)));
        table_add(&table, TONE_PLAIN, document_text(reason, "text"));
    }
    if (i > 0) {
        buffer_put_text(out, "\n");
        session_put_heading(session, buffer_text(&heading), out);
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
    buffer_free(&heading);
}

static void put_rollout(const struct session *session, const json_t *rollout, struct buffer *out)
{
    struct buffer text = {0};
    buffer_format(&text, "rollout %" PRId64 " (%s): %s", document_number(rollout, "rollout"),
                  document_text(rollout, "name"), document_text(rollout, "state"));
    session_put_heading(session, buffer_text(&text), out);
    buffer_free(&text);
    put_reasons(json_object_get(rollout, "reasons"), &text);
    session_put_fact(session, "why", buffer_text(&text), out);
    buffer_free(&text);
    buffer_put_text(out, "\n");
    put_groups(session, rollout, out);
    put_zones(session, rollout, out);
    put_line(session, json_object_get(rollout, "line"), out);
}

int run_why(struct session *session)
{
    int code;
    json_t *why = get_why(session, session_argument(session, 0), &code);
    if (why == NULL)
        return code;
    struct buffer out = {0};
    if (session->json) {
        session_put_json(session, why);
    } else {
        if (json_object_get(why, "line") != NULL)
            put_rollout(session, why, &out);
        else
            code = put_instructions(session, why, &out);
        session_put(&out);
    }
    buffer_free(&out);
    json_decref(why);
    return code;
}
