#include "clients/ctl/commands/plan.h"

#include "base/file.h"
#include "clients/ctl/commands/freeze.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/picture/timeline_draw.h"
#include "clients/ctl/picture/timeline_words.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- the tables ----------------------------------------------------------------------------- */

static void put_joined(const json_t *texts, const char *between, struct buffer *out)
{
    size_t i;
    const json_t *text;
    json_array_foreach(texts, i, text)
    {
        buffer_format(out, "%s%s", i == 0 ? "" : between, json_is_string(text) ? json_string_value(text) : "?");
    }
}

static void put_groups(const struct session *session, const json_t *groups, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"GROUP", false, 0, 0},      {"DEVICES", true, 0, 0},   {"FIRST START", false, 20, 0},
        {"LAST START", false, 0, 2}, {"LAST END", false, 0, 1}, {"WAITS FOR", false, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *group;
    json_array_foreach(groups, i, group)
    {
        struct buffer waits = {0};
        put_joined(json_object_get(group, "waits_for"), ", ", &waits);
        table_add(&table, TONE_STRONG, document_text(group, "name"));
        table_add_count(&table, TONE_PLAIN, document_number(group, "devices"));
        table_add_time(&table, document_text(group, "first_start_at"));
        table_add_time(&table, document_text(group, "last_start_at"));
        table_add_time(&table, document_text(group, "last_end_at"));
        table_add(&table, TONE_PLAIN, buffer_text(&waits));
        buffer_free(&waits);
    }
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

static void put_nights(const struct session *session, const json_t *nights, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"NIGHT", false, 0, 0},        {"GROUP", false, 0, 0},     {"DEVICES", true, 0, 0},
        {"FIRST START", false, 20, 0}, {"LAST END", false, 20, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *night;
    json_array_foreach(nights, i, night)
    {
        const char *date = document_text(night, "night");
        int day = timeline_day_read(date);
        struct buffer text = {0};
        buffer_format(&text, "%s%s", date, day < 0 ? "" : " ");
        buffer_put_text(&text, day < 0 ? "" : timeline_date_of(day).weekday);
        table_add(&table, TONE_PLAIN, buffer_text(&text));
        table_add(&table, TONE_STRONG, document_text(night, "group"));
        table_add_count(&table, TONE_PLAIN, document_number(night, "devices"));
        table_add_time(&table, document_text(night, "first_start_at"));
        table_add_time(&table, document_text(night, "last_end_at"));
        buffer_free(&text);
    }
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

/* ---- warnings ----------------------------------------------------------------------------- */

static void put_warning(const struct session *session, const struct buffer *text, struct buffer *out)
{
    screen_begin_tone(&session->out, TONE_WARN, out);
    buffer_put_text(out, "warning: ");
    screen_end_tone(&session->out, TONE_WARN, out);
    (void)text_put_clean(out, buffer_text(text), 0, session->out.utf8);
    buffer_put_text(out, "\n");
}

/* ": the reason (A1, A2, A3, …)" */
static void put_cause(const json_t *part, int64_t count, struct buffer *text)
{
    enum { EXAMPLES_MOST = 5 };
    const json_t *examples = json_object_get(part, "examples");
    const char *why = document_text(part, "why");
    size_t shown = json_array_size(examples) < EXAMPLES_MOST ? json_array_size(examples) : EXAMPLES_MOST;
    buffer_format(text, "%s%s", *why == '\0' ? "" : ": ", why);
    for (size_t i = 0; i < shown; i++) {
        const char *example = json_string_value(json_array_get(examples, i));
        buffer_format(text, "%s%s", i == 0 ? " (" : ", ", example == NULL ? "?" : example);
    }
    if (shown > 0)
        buffer_put_text(text, (int64_t)shown < count ? ", …)" : ")");
}

static void put_misfits(const struct session *session, const json_t *preview, struct buffer *out)
{
    const json_t *misfits = json_object_get(preview, "cannot_fit");
    const json_t *never = json_object_get(preview, "never");
    struct buffer text = {0};
    int64_t devices = document_number(misfits, "devices");
    if (devices > 0) {
        document_put_counted(&text, devices, "device has", "devices have");
        buffer_put_text(&text, " no window to start in");
        put_cause(misfits, devices, &text);
        put_warning(session, &text, out);
    }
    buffer_clear(&text);
    int64_t branches = document_number(never, "branches");
    if (branches > 0) {
        document_put_counted(&text, branches, "branch with ", "branches with ");
        document_put_counted(&text, document_number(never, "devices"), "device can never start",
                             "devices can never start");
        put_cause(never, branches, &text);
        put_warning(session, &text, out);
    }
    buffer_free(&text);
}

static void put_left_over(const struct session *session, const json_t *left_over, struct buffer *out)
{
    struct buffer text = {0};
    int64_t devices = document_number(left_over, "devices");
    if (devices > 0) {
        document_put_counted(&text, devices, "device does", "devices do");
        buffer_put_text(&text, " not start");
        put_cause(left_over, devices, &text);
        put_warning(session, &text, out);
    }
    buffer_free(&text);
}

/* Returns what happens to a device that is in both rollouts. */
static const char *conflict_end(const json_t *conflict)
{
    bool preempts = json_is_true(json_object_get(conflict, "preempts"));
    if (json_is_true(json_object_get(conflict, "superseded")))
        return "this one cancels it";
    if (strcmp(document_text(conflict, "first"), "that") == 0)
        return preempts ? "it goes first and takes them over" : "it goes first";
    return preempts ? "this one goes first and takes them over" : "this one goes first";
}

static void put_conflicts(const struct session *session, const json_t *conflicts, struct buffer *out)
{
    size_t i;
    const json_t *conflict;
    json_array_foreach(conflicts, i, conflict)
    {
        struct buffer text = {0};
        document_put_counted(&text, document_number(conflict, "devices"), "device is", "devices are");
        buffer_format(&text, " also in rollout %" PRId64 " %s (%s, priority %" PRId64 "); %s",
                      document_number(conflict, "rollout"), document_text(conflict, "name"),
                      document_text(conflict, "state"), document_number(conflict, "priority"), conflict_end(conflict));
        put_warning(session, &text, out);
        buffer_free(&text);
    }
}

static void put_warnings(const struct session *session, const json_t *warnings, struct buffer *out)
{
    size_t i;
    const json_t *warning;
    json_array_foreach(warnings, i, warning)
    {
        struct buffer text = {0};
        buffer_put_text(&text, json_is_string(warning) ? json_string_value(warning) : "?");
        put_warning(session, &text, out);
        buffer_free(&text);
    }
}

static void put_assumptions(const struct session *session, const json_t *assumptions, struct buffer *out)
{
    size_t i;
    const json_t *assumption;
    json_array_foreach(assumptions, i, assumption)
    {
        screen_begin_tone(&session->out, TONE_FAINT, out);
        buffer_put_text(out, i == 0 ? "The forecast assumes:\n  " : "  ");
        (void)text_put_clean(out, json_is_string(assumption) ? json_string_value(assumption) : "?", 0,
                             session->out.utf8);
        screen_end_tone(&session->out, TONE_FAINT, out);
        buffer_put_text(out, "\n");
    }
}

/* ---- the whole preview ---------------------------------------------------------------------- */

/* "2,008 devices in 3 groups · the last one ends 2026-12-17 02:00:00Z" */
static void put_summary(const json_t *preview, int64_t approvals, const char *between, struct buffer *out)
{
    const char *end = document_text(preview, "last_end_at");
    document_put_counted(out, document_number(preview, "devices"), "device", "devices");
    buffer_put_text(out, " in ");
    document_put_counted(out, (int64_t)json_array_size(json_object_get(preview, "groups")), "group", "groups");
    if (approvals > 0) {
        buffer_put_text(out, between);
        document_put_counted(out, approvals, "approval needed", "approvals needed");
    }
    buffer_put_text(out, between);
    buffer_put_text(out, *end == '\0' ? "some never start" : "the last one ends ");
    text_put_time(out, end);
}

static void put_preview(const struct session *session, const json_t *preview, const struct timeline *timeline)
{
    const char *between = session->out.utf8 ? " · " : " - ";
    struct buffer out = {0};
    struct buffer text = {0};
    screen_begin_tone(&session->out, TONE_STRONG, &out);
    (void)text_put_clean(&out, document_text(preview, "name"), 0, session->out.utf8);
    screen_end_tone(&session->out, TONE_STRONG, &out);
    put_summary(preview, timeline->approvals, between, &text);
    buffer_format(&out, "%s%s\n", between, buffer_text(&text));
    session_put_fact(session, "digest", document_text(preview, "digest"), &out);
    buffer_put_text(&out, "\n");
    put_groups(session, json_object_get(preview, "groups"), &out);
    if (timeline->night_count > 0) {
        buffer_put_text(&out, "\n");
        put_nights(session, json_object_get(preview, "nights"), &out);
        buffer_put_text(&out, "\n");
        timeline_put_screen(timeline, &session->out, &out);
    }
    buffer_put_text(&out, "\n");
    put_warnings(session, json_object_get(preview, "warnings"), &out);
    put_misfits(session, preview, &out);
    put_left_over(session, json_object_get(preview, "left_over"), &out);
    put_conflicts(session, json_object_get(preview, "conflicts"), &out);
    put_assumptions(session, json_object_get(preview, "assumptions"), &out);
    session_put(&out);
    buffer_free(&out);
    buffer_free(&text);
}

static int write_picture(const struct session *session, const char *path, const json_t *preview,
                         const struct timeline *timeline)
{
    enum { PICTURE_WIDTH = 1200, FILE_MODE = 0644 };
    struct tc_fault fault;
    struct buffer picture = {0};
    struct buffer heading = {0};
    const struct timeline_part whole = timeline_whole(timeline);
    put_summary(preview, timeline->approvals, " · ", &heading);
    timeline_put_svg(timeline, &whole, PICTURE_WIDTH, buffer_text(&heading), &picture);
    enum tc_error error = file_replace(path, buffer_text(&picture), picture.length, FILE_MODE, &fault);
    buffer_free(&picture);
    buffer_free(&heading);
    if (error != TC_OK)
        return session_fail(session, EXIT_ERROR, "%s", fault.text);
    session_say(session, "timeline written to %s", path);
    return EXIT_HEALTHY;
}

static int show(struct session *session, const json_t *preview, const struct plan *plan)
{
    int code = EXIT_HEALTHY;
    const char *picture = session_option(session, "svg");
    struct timeline timeline;
    timeline_read_preview(&timeline, preview, plan->tree);
    if (session->json)
        session_put_json(session, preview);
    else
        put_preview(session, preview, &timeline);
    if (picture != NULL)
        code = write_picture(session, picture, preview, &timeline);
    timeline_free(&timeline);
    return code;
}

int run_plan_preview(struct session *session)
{
    const char *path = session_argument(session, 0);
    int code = EXIT_HEALTHY;
    struct buffer content = {0};
    struct plan *plan = plan_read(session, path, &content, &code);
    json_t *preview = NULL;
    if (plan != NULL) {
        const struct http_request request = {
            .method = "POST",
            .path = "/v1/rollouts:preview",
            .content_type = "application/yaml",
            .body = buffer_text(&content),
            .length = content.length,
        };
        preview = session_send(session, &request, path, &code);
    }
    if (preview != NULL && !session->json)
        freezes_say(session);
    if (preview != NULL)
        code = show(session, preview, plan);
    json_decref(preview);
    plan_free(plan);
    buffer_free(&content);
    return code;
}
