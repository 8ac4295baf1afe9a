#include "clients/ctl/commands/amendment_words.h"
#include "clients/ctl/commands/freeze.h"
#include "clients/ctl/commands/plan_words.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/scope_words.h"
#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* Writes an element of a list. */
typedef void put_element(const struct session *session, const json_t *element, struct buffer *out);

static void put_each(const struct session *session, const json_t *list, put_element *put, struct buffer *out)
{
    size_t i;
    const json_t *element;
    json_array_foreach(list, i, element)
    {
        put(session, element, out);
    }
}

static void put_time_fact(const struct session *session, const char *name, const char *rfc3339, struct buffer *out)
{
    struct buffer text = {0};
    if (*rfc3339 != '\0')
        text_put_time(&text, rfc3339);
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

static void put_number_fact(const struct session *session, const char *name, const json_t *document, const char *key,
                            struct buffer *out)
{
    const json_t *number = json_object_get(document, key);
    if (json_is_object(number)) /* a report has an object with the rollout and its name */
        number = json_object_get(number, "rollout");
    struct buffer text = {0};
    if (json_is_integer(number))
        buffer_format(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

/* "alice approved group pilot, 2026-12-01 00:00:03Z: seen the lab's logs" */
static void put_approval(const struct session *session, const char *name, const json_t *approval, struct buffer *out)
{
    const char *group = document_text(approval, "group");
    bool approved = json_is_true(json_object_get(approval, "approved"));
    struct buffer text = {0};
    buffer_format(&text, "%s %s%s%s, ", document_text(approval, "actor"), approved ? "approved" : "rejected",
                  *group == '\0' ? "" : " group ", group);
    text_put_time(&text, document_text(approval, "at"));
    buffer_format(&text, ": %s", document_text(approval, "reason"));
    if (json_is_true(json_object_get(approval, "void")))
        buffer_format(&text, " (void: %s)", document_text(approval, "void_because"));
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

static void put_approvals(const struct session *session, const json_t *approvals, struct buffer *out)
{
    size_t i;
    const json_t *approval;
    const json_t *given = json_object_get(approvals, "given");
    int64_t required = document_number(approvals, "required");
    int64_t valid = 0;
    json_array_foreach(given, i, approval)
    {
        bool whole = *document_text(approval, "group") == '\0';
        valid += whole && json_is_true(json_object_get(approval, "approved")) &&
                 !json_is_true(json_object_get(approval, "void"));
    }
    struct buffer text = {0};
    if (required > 0)
        buffer_format(&text, "%" PRId64 " of %" PRId64 " given", valid, required);
    session_put_fact(session, "approvals", buffer_text(&text), out);
    buffer_free(&text);
    json_array_foreach(given, i, approval)
    {
        put_approval(session, i == 0 && required == 0 ? "approvals" : "", approval, out);
    }
}

/* Writes a resume that waits for approvals: who ordered it and why, and the approvals so far. */
static void put_resume(const struct session *session, const json_t *resume, struct buffer *out)
{
    size_t i;
    const json_t *approval;
    const json_t *given = json_object_get(resume, "given");
    if (*document_text(resume, "ordered_by") == '\0')
        return;
    struct buffer text = {0};
    buffer_format(&text, "ordered by %s, ", document_text(resume, "ordered_by"));
    text_put_time(&text, document_text(resume, "at"));
    buffer_format(&text, ": %s; %zu of %" PRId64 " approvals given", document_text(resume, "reason"),
                  json_array_size(given), document_number(resume, "required"));
    session_put_fact(session, "resume", buffer_text(&text), out);
    json_array_foreach(given, i, approval)
    {
        buffer_clear(&text);
        buffer_format(&text, "%s approved, ", document_text(approval, "actor"));
        text_put_time(&text, document_text(approval, "at"));
        buffer_format(&text, ": %s", document_text(approval, "reason"));
        session_put_fact(session, "", buffer_text(&text), out);
    }
    buffer_free(&text);
}

/* "review  3 is pending: bea let it start without approvals, 2026-12-01 00:00:03Z: the patch stops thefts" */
static void put_review(const struct session *session, const json_t *review, struct buffer *out)
{
    size_t i;
    const json_t *decision;
    bool is_overdue = json_is_true(json_object_get(review, "is_overdue"));
    struct buffer text = {0};
    buffer_format(&text, "%" PRId64 " is %s: %s let it %s without approvals, ", document_number(review, "review"),
                  is_overdue ? "overdue" : document_text(review, "state"), document_text(review, "actor"),
                  document_text(review, "of"));
    text_put_time(&text, document_text(review, "at"));
    buffer_format(&text, ": %s", document_text(review, "reason"));
    session_put_fact(session, "review", buffer_text(&text), out);
    json_array_foreach(json_object_get(review, "decisions"), i, decision)
    {
        bool accepted = json_is_true(json_object_get(decision, "accepted"));
        buffer_clear(&text);
        buffer_format(&text, "%s %s, ", document_text(decision, "actor"), accepted ? "accepted" : "objected");
        text_put_time(&text, document_text(decision, "at"));
        buffer_format(&text, ": %s", document_text(decision, "reason"));
        session_put_fact(session, "", buffer_text(&text), out);
    }
    buffer_free(&text);
}

/* "promoted  pilot, past A7 (dispatched), A9 (timed out: not_asked)" */
static void put_past(const struct session *session, const json_t *group, const char *key, struct buffer *out)
{
    const json_t *past = json_object_get(group, key);
    struct buffer text = {0};
    if (json_array_size(past) == 0)
        return;
    buffer_format(&text, "%s, past ", document_text(group, "name"));
    amendment_put_devices(past, &text);
    session_put_fact(session, "promoted", buffer_text(&text), out);
    buffer_free(&text);
}

static void put_promotion(const struct session *session, const json_t *group, struct buffer *out)
{
    put_past(session, group, "promoted_past", out);
    put_past(session, group, "promoted_failures", out);
}

/* "paused  pilot, by ola, 2026-12-01 00:00:03Z: the line is slow" */
static void put_pause(const struct session *session, const json_t *group, struct buffer *out)
{
    const json_t *pause = json_object_get(group, "paused");
    struct buffer text = {0};
    if (!json_is_object(pause))
        return;
    buffer_format(&text, "%s, by %s, ", document_text(group, "name"), document_text(pause, "by"));
    text_put_time(&text, document_text(pause, "at"));
    buffer_format(&text, ": %s", document_text(pause, "reason"));
    session_put_fact(session, "paused", buffer_text(&text), out);
    buffer_free(&text);
}

/* "excluded  region=emea, by ola, 2026-12-01 00:00:03Z: a storm; 12 instructions ended" */
static void put_exclusion(const struct session *session, const json_t *exclusion, struct buffer *out)
{
    const char *device = document_text(exclusion, "device");
    struct buffer text = {0};
    buffer_put_text(&text, device);
    scope_put_labels(json_object_get(exclusion, "match"), &text);
    buffer_format(&text, ", by %s, ", document_text(exclusion, "by"));
    text_put_time(&text, document_text(exclusion, "at"));
    buffer_format(&text, ": %s; ", document_text(exclusion, "reason"));
    document_put_counted(&text, document_number(exclusion, "ended"), "instruction", "instructions");
    buffer_put_text(&text, json_is_true(json_object_get(exclusion, "is_whole")) ? " ended" : " ended so far");
    session_put_fact(session, *device == '\0' ? "excluded" : "skipped", buffer_text(&text), out);
    buffer_free(&text);
}

static void put_exclusions(const struct session *session, const json_t *exclusions, struct buffer *out)
{
    enum { SHOWN_MOST = 20 };
    size_t i, count = json_array_size(exclusions);
    const json_t *exclusion;
    json_array_foreach(exclusions, i, exclusion)
    {
        if (i + SHOWN_MOST >= count)
            put_exclusion(session, exclusion, out);
    }
    if (count > SHOWN_MOST) {
        struct buffer text = {0};
        buffer_format(&text, "and %zu before these", count - SHOWN_MOST);
        session_put_fact(session, "", buffer_text(&text), out);
        buffer_free(&text);
    }
}

/* Counts only the transient substates. */
static void put_substates(const struct session *session, const json_t *substates, struct buffer *out)
{
    static const char *const names[] = {"deferred", "withdrawing", "undecided"};
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t count = document_number(substates, names[i]);
        if (count == 0)
            continue;
        buffer_put_text(&text, text.length == 0 ? "" : ", ");
        text_put_count(&text, count);
        buffer_format(&text, " %s", names[i]);
    }
    session_put_fact(session, "substates", buffer_text(&text), out);
    buffer_free(&text);
}

/* To a reader whose role counts in a scope, everything below is of the devices in it. */
static void put_scope(const struct session *session, const json_t *scope, struct buffer *out)
{
    struct buffer text = {0}, clean = {0};
    scope_put_patterns(scope, &text);
    (void)text_put_clean(&clean, buffer_text(&text), 0, session->out.utf8);
    session_put_fact(session, "in scope", buffer_text(&clean), out);
    buffer_free(&clean);
    buffer_free(&text);
}

static void put_facts(const struct session *session, const json_t *rollout, struct buffer *out)
{
    struct buffer text = {0};
    text_put_time(&text, document_text(rollout, "submitted_at"));
    buffer_format(&text, " by %s through %s", document_text(rollout, "author"), document_text(rollout, "door"));
    session_put_fact(session, "submitted", buffer_text(&text), out);
    buffer_clear(&text);
    session_put_fact(session, "change", document_text(rollout, "change"), out);
    session_put_fact(session, "digest", document_text(rollout, "digest"), out);
    plan_put_words(&session->out, json_object_get(rollout, "plan"), out);
    put_scope(session, json_object_get(rollout, "scope"), out);
    put_number_fact(session, "version", rollout, "version", out);
    put_number_fact(session, "priority", rollout, "priority", out);
    put_number_fact(session, "rollback of", rollout, "rollback_of", out);
    put_number_fact(session, "rollback", rollout, "rollback", out);
    put_approvals(session, json_object_get(rollout, "approvals"), out);
    put_each(session, json_object_get(json_object_get(rollout, "approvals"), "reviews"), put_review, out);
    put_resume(session, json_object_get(rollout, "resume"), out);
    amendments_put(session, rollout, out);
    text_put_count(&text, document_number(rollout, "devices"));
    session_put_fact(session, "devices", buffer_text(&text), out);
    buffer_free(&text);
    put_substates(session, json_object_get(rollout, "substates"), out);
    put_time_fact(session, "planned", document_text(rollout, "planned_at"), out);
    put_time_fact(session, "first start", document_text(rollout, "first_start_at"), out);
    put_time_fact(session, "last done", document_text(rollout, "last_completed_at"), out);
    put_time_fact(session, "last end", document_text(rollout, "last_end_at"), out);
    put_time_fact(session, "forecast", document_text(rollout, "forecast_end_at"), out);
    put_time_fact(session, "ended", document_text(rollout, "ended_at"), out);
    session_put_fact(session, "because", document_text(rollout, "detail"), out);
    put_each(session, json_object_get(rollout, "groups"), put_promotion, out);
    put_each(session, json_object_get(rollout, "groups"), put_pause, out);
    put_exclusions(session, json_object_get(rollout, "exclusions"), out);
}

void rollout_put_events(const struct session *session, const json_t *events, size_t most, struct buffer *out)
{
    static const struct table_column columns[] = {{"AT", false, 0, 0},
                                                  {"EVENT", false, 0, 0},
                                                  {"GROUP", false, 0, 1},
                                                  {"BY", false, 0, 0},
                                                  {"REASON", false, 0, 0}};
    size_t count = json_array_size(events);
    if (count == 0)
        return;
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    for (size_t i = most > 0 && count > most ? count - most : 0; i < count; i++) {
        const json_t *event = json_array_get(events, i);
        table_add_time(&table, document_text(event, "at"));
        table_add(&table, TONE_STRONG, document_text(event, "kind"));
        table_add(&table, TONE_PLAIN, document_text(event, "group"));
        table_add(&table, TONE_PLAIN, document_text(event, "actor"));
        table_add(&table, TONE_PLAIN, document_text(event, "reason"));
    }
    buffer_put_text(out, "\n");
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

static void add_group(struct table *table, const char *name, const char *state, const json_t *group)
{
    struct group_view view = {.soaks_until_ms = strcmp(state, "soaking") == 0 ? group_soaks_until_ms(group) : -1};
    struct buffer words = {0};
    (void)snprintf(view.state, sizeof view.state, "%s", state);
    group_state_put(&view, &words);
    struct rollout_share share = rollout_share_read(group);
    table_add(table, TONE_STRONG, name);
    table_add(table, group_state_tone(state), buffer_text(&words));
    buffer_free(&words);
    table_add_count(table, TONE_PLAIN, share.bar.total);
    table_add_count(table, TONE_PLAIN, document_number(json_object_get(group, "counts"), "created"));
    table_add_count(table, TONE_BUSY, share.bar.under_way);
    table_add_count(table, TONE_GOOD, share.bar.completed);
    table_add_count(table, TONE_BAD, share.failed);
    table_add_count(table, TONE_BAD, share.refused);
    table_add_count(table, TONE_WARN, share.retrying);
    table_add_count(table, TONE_WARN, share.not_started);
}

static void put_groups(const struct session *session, const json_t *rollout, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"GROUP", false, 0, 0},    {"STATE", false, 0, 0},      {"DEVICES", true, 0, 0}, {"WAITING", true, 0, 0},
        {"UNDER WAY", true, 0, 0}, {"COMPLETED", true, 0, 0},   {"FAILED", true, 0, 0},  {"REFUSED", true, 0, 1},
        {"TO RETRY", true, 0, 1},  {"NOT STARTED", true, 0, 1},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        add_group(&table, document_text(group, "name"), group_state_shown(group, document_text(rollout, "state")),
                  group);
    }
    if (i != 1)
        add_group(&table, "all", document_text(rollout, "state"), rollout);
    buffer_put_text(out, "\n");
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

void rollout_put_head(const struct session *session, const json_t *rollout, struct buffer *out)
{
    const struct screen *screen = &session->out;
    const char *state = document_text(rollout, "state");
    screen_begin_tone(screen, TONE_STRONG, out);
    (void)text_put_clean(out, document_text(rollout, "name"), 0, screen->utf8);
    screen_end_tone(screen, TONE_STRONG, out);
    buffer_format(out, "%srollout %" PRId64 "%s", screen->utf8 ? " · " : " - ", document_number(rollout, "rollout"),
                  screen->utf8 ? " · " : " - ");
    screen_begin_tone(screen, rollout_state_tone(state), out);
    (void)text_put_clean(out, state, 0, screen->utf8);
    screen_end_tone(screen, rollout_state_tone(state), out);
    buffer_put_text(out, "\n");
    freezes_put(session, json_object_get(rollout, "freezes"), out);
    put_facts(session, rollout, out);
    rollout_put_unavailable(session, rollout, out);
    put_groups(session, rollout, out);
}

void rollout_put(const struct session *session, const json_t *rollout, struct buffer *out)
{
    enum { EVENTS_MOST = 8 };
    rollout_put_head(session, rollout, out);
    rollout_put_events(session, json_object_get(rollout, "events"), EVENTS_MOST, out);
}
