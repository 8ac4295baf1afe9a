#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>

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
    if (json_is_object(number)) /* a report names the other rollout, too */
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
        buffer_put_text(&text, " (void: of another plan)");
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

static void put_facts(const struct session *session, const json_t *rollout, struct buffer *out)
{
    struct buffer text = {0};
    text_put_time(&text, document_text(rollout, "submitted_at"));
    buffer_format(&text, " by %s through %s", document_text(rollout, "author"), document_text(rollout, "door"));
    session_put_fact(session, "submitted", buffer_text(&text), out);
    buffer_clear(&text);
    session_put_fact(session, "change", document_text(rollout, "change"), out);
    session_put_fact(session, "digest", document_text(rollout, "digest"), out);
    put_number_fact(session, "version", rollout, "version", out);
    put_number_fact(session, "priority", rollout, "priority", out);
    put_number_fact(session, "rollback of", rollout, "rollback_of", out);
    put_number_fact(session, "rollback", rollout, "rollback", out);
    put_approvals(session, json_object_get(rollout, "approvals"), out);
    text_put_count(&text, document_number(rollout, "devices"));
    session_put_fact(session, "devices", buffer_text(&text), out);
    buffer_free(&text);
    put_time_fact(session, "planned", document_text(rollout, "planned_at"), out);
    put_time_fact(session, "first start", document_text(rollout, "first_start_at"), out);
    put_time_fact(session, "last done", document_text(rollout, "last_completed_at"), out);
    put_time_fact(session, "last end", document_text(rollout, "last_end_at"), out);
    put_time_fact(session, "forecast", document_text(rollout, "forecast_end_at"), out);
    put_time_fact(session, "ended", document_text(rollout, "ended_at"), out);
    session_put_fact(session, "because", document_text(rollout, "detail"), out);
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
    struct group_view view = {.soaks_until_ms = group_soaks_until_ms(group)};
    struct buffer words = {0};
    (void)snprintf(view.state, sizeof view.state, "%s", state);
    group_state_put(&view, &words);
    const json_t *counts = json_object_get(group, "counts");
    struct bar_share share = rollout_share_read(counts, document_number(group, "devices"));
    int64_t not_started = document_number(counts, "cancelled") + document_number(counts, "expired");
    table_add(table, TONE_STRONG, name);
    table_add(table, group_state_tone(state), buffer_text(&words));
    buffer_free(&words);
    table_add_count(table, TONE_PLAIN, share.total);
    table_add_count(table, TONE_PLAIN, document_number(counts, "created"));
    table_add_count(table, TONE_BUSY, share.under_way);
    table_add_count(table, TONE_GOOD, share.completed);
    table_add_count(table, TONE_BAD, share.failed - not_started);
    table_add_count(table, TONE_WARN, not_started);
}

static void put_groups(const struct session *session, const json_t *rollout, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"GROUP", false, 0, 0},    {"STATE", false, 0, 0},    {"DEVICES", true, 0, 0}, {"WAITING", true, 0, 0},
        {"UNDER WAY", true, 0, 0}, {"COMPLETED", true, 0, 0}, {"FAILED", true, 0, 0},  {"NOT STARTED", true, 0, 1},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        add_group(&table, document_text(group, "name"), document_text(group, "state"), group);
    }
    if (i != 1)
        add_group(&table, "all", document_text(rollout, "state"), rollout);
    buffer_put_text(out, "\n");
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

void rollout_put_head(const struct session *session, const json_t *rollout, struct buffer *out)
{
    const struct look *look = &session->out;
    const char *state = document_text(rollout, "state");
    look_begin(look, TONE_STRONG, out);
    (void)text_put_clean(out, document_text(rollout, "name"), 0, look->utf8);
    look_end(look, TONE_STRONG, out);
    buffer_format(out, "%srollout %" PRId64 "%s", look->utf8 ? " · " : " - ", document_number(rollout, "rollout"),
                  look->utf8 ? " · " : " - ");
    look_begin(look, rollout_state_tone(state), out);
    (void)text_put_clean(out, state, 0, look->utf8);
    look_end(look, rollout_state_tone(state), out);
    buffer_put_text(out, "\n");
    put_facts(session, rollout, out);
    put_groups(session, rollout, out);
}

void rollout_put(const struct session *session, const json_t *rollout, struct buffer *out)
{
    enum { EVENTS_MOST = 8 };
    rollout_put_head(session, rollout, out);
    rollout_put_events(session, json_object_get(rollout, "events"), EVENTS_MOST, out);
}
