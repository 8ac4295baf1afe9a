#include "clients/ctl/page/evidence_page.h"

#include "clients/ctl/page/evidence_parts.h"
#include "clients/ctl/picture/markup.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- the head ------------------------------------------------------------------------------- */

/* Writes a text inside a CSS string; other than safe characters become "?". */
static void put_css_text(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                     (*text >= '0' && *text <= '9') || strchr("_-.:+", *text) != NULL;
        buffer_put(out, plain ? text : "?", 1);
    }
}

static void put_head(const json_t *evidence, struct buffer *out)
{
    buffer_put_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta http-equiv=\"Content-Security-Policy\" "
                         "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    markup_put(out, evidence_text(evidence, "name"));
    buffer_format(out, ": report of rollout %" PRId64 "</title>\n<style>\n", evidence_number(evidence, "rollout"));
    for (const char *const *style = evidence_styles; *style != NULL; style++)
        buffer_put_text(out, *style);
    buffer_put_text(out, "@page { @bottom-left { content: \"");
    put_css_text(evidence_text(evidence, "name"), out);
    buffer_put_text(out, "  ·  ");
    put_css_text(evidence_text(evidence, "digest"), out);
    buffer_put_text(out, "\" } }\n</style>\n</head>\n<body>\n");
}

/* ---- the first part: facts and figures ------------------------------------------------------ */

static void begin_fact(const char *name, struct buffer *out)
{
    buffer_format(out, "<div><dt>%s</dt><dd>", name);
}

static void end_fact(struct buffer *out)
{
    buffer_put_text(out, "</dd></div>\n");
}

static void put_fact(const char *name, const char *text, struct buffer *out)
{
    if (*text == '\0')
        return;
    begin_fact(name, out);
    markup_put(out, text);
    end_fact(out);
}

static void put_time_fact(const char *name, const json_t *evidence, const char *key, struct buffer *out)
{
    if (*evidence_text(evidence, key) == '\0')
        return;
    begin_fact(name, out);
    evidence_put_time_text(evidence_text(evidence, key), out);
    end_fact(out);
}

/* Writes another rollout: its ID, and its name if known. */
static void put_link_fact(const char *name, const json_t *evidence, const char *key, struct buffer *out)
{
    const json_t *link = json_object_get(evidence, key);
    const json_t *id = json_is_object(link) ? json_object_get(link, "rollout") : link;
    if (!json_is_integer(id))
        return;
    begin_fact(name, out);
    buffer_format(out, "rollout %" JSON_INTEGER_FORMAT " ", json_integer_value(id));
    markup_put(out, evidence_text(link, "name"));
    end_fact(out);
}

/* "install atm-app 4.7.2" */
static void put_action_fact(const json_t *evidence, struct buffer *out)
{
    const json_t *spec = json_object_get(json_object_get(evidence, "plan"), "spec");
    const json_t *artifact = json_object_get(spec, "artifact");
    if (*evidence_text(spec, "action") == '\0')
        return;
    begin_fact("Action", out);
    markup_put(out, evidence_text(spec, "action"));
    buffer_put_text(out, " ");
    markup_put(out, evidence_text(artifact, "name"));
    buffer_put_text(out, " ");
    markup_put(out, evidence_text(artifact, "version"));
    end_fact(out);
}

static void put_facts(const json_t *evidence, struct buffer *out)
{
    buffer_put_text(out, "<dl>\n");
    put_fact("Change", evidence_text(evidence, "change"), out);
    put_action_fact(evidence, out);
    begin_fact("Ordered by", out);
    markup_put(out, evidence_text(evidence, "author"));
    buffer_put_text(out, ", through ");
    markup_put(out, evidence_text(evidence, "door"));
    end_fact(out);
    put_time_fact("Ordered", evidence, "submitted_at", out);
    put_time_fact("Planned", evidence, "planned_at", out);
    put_time_fact("First start", evidence, "first_start_at", out);
    put_time_fact("Last device ended", evidence, "last_end_at", out);
    put_time_fact("Ended", evidence, "ended_at", out);
    put_link_fact("Rollback of", evidence, "rollback_of", out);
    put_link_fact("Rolled back by", evidence, "rollback", out);
    put_fact("Because", evidence_text(evidence, "detail"), out);
    buffer_put_text(out, "<div class=\"wide\"><dt>Digest of the plan (SHA-256)</dt><dd class=\"m\">");
    markup_put(out, evidence_text(evidence, "digest"));
    buffer_put_text(out, "</dd></div>\n</dl>\n");
}

static void put_figure(const char *name, const char *class, int64_t count, struct buffer *out)
{
    buffer_format(out, "<div><b class=\"%s\">", count == 0 ? "z" : class);
    text_put_count(out, count);
    buffer_format(out, "</b>%s</div>\n", name);
}

static void put_figures(const json_t *evidence, struct buffer *out)
{
    const json_t *counts = json_object_get(evidence, "counts");
    int64_t failed = evidence_failed(evidence), not_started = evidence_not_started(evidence);
    int64_t devices = evidence_number(evidence, "devices");
    int64_t completed = evidence_number(counts, "completed");
    buffer_put_text(out, "<div class=\"figures\">\n");
    put_figure(devices == 1 ? "device" : "devices", "", devices, out);
    put_figure("completed", "good", completed, out);
    put_figure("failed", "bad", failed, out);
    put_figure("cancelled or expired", "warn", not_started, out);
    put_figure("not ended", "", devices - completed - failed - not_started, out);
    buffer_put_text(out, "</div>\n");
}

void evidence_page_begin(const json_t *evidence, struct buffer *out)
{
    static const char *const titles[] = {"Device", "State",    "#Attempt",   "Planned", "Dispatched",
                                         "Sent",   "Received", "Installing", "Ended"};
    put_head(evidence, out);
    buffer_format(out, "<header>\n<p class=\"kind\">Rollout %" PRId64 " · report</p>\n<h1>",
                  evidence_number(evidence, "rollout"));
    markup_put(out, evidence_text(evidence, "name"));
    buffer_put_text(out, " ");
    evidence_put_state(evidence_text(evidence, "state"), out);
    buffer_put_text(out, "</h1>\n");
    put_facts(evidence, out);
    put_figures(evidence, out);
    buffer_put_text(out, "<p class=\"note\">All times are UTC. Read at ");
    evidence_put_time_text(evidence_text(evidence, "reported_at"), out);
    buffer_format(out, " at version %" PRId64 " of the rollout, by tellercast " TELLERCAST_VERSION ".</p>\n</header>\n",
                  evidence_number(evidence, "version"));
    evidence_put_approvals(evidence, out);
    evidence_put_timeline(evidence, out);
    evidence_put_groups(evidence, out);
    evidence_put_deviations(evidence, out);
    evidence_put_events(evidence, out);
    evidence_put_plan(evidence, out);
    buffer_put_text(out, "<section class=\"devices\">\n");
    evidence_put_heading("Devices", out);
    evidence_begin_table("d", titles, sizeof titles / sizeof *titles, out);
}

void evidence_page_end(struct buffer *out)
{
    evidence_end_table(out);
    buffer_put_text(out, "</section>\n</body>\n</html>\n");
}

/* ---- a device ------------------------------------------------------------------------------- */

/* Writes the date above the time: six of these fit side by side on A4. */
static void put_date_and_time(const char *rfc3339, struct buffer *out)
{
    enum { DATE = 10, TIME_AT = 11, TIME = 8 };
    if (strlen(rfc3339) < TIME_AT + TIME) {
        evidence_put_cell("t", rfc3339, out);
        return;
    }
    char date[DATE + 1], time[TIME + 1];
    memcpy(date, rfc3339, DATE);
    date[DATE] = '\0';
    memcpy(time, rfc3339 + TIME_AT, TIME);
    time[TIME] = '\0';
    buffer_put_text(out, "<td class=\"t\"><small>");
    markup_put(out, date);
    buffer_put_text(out, "</small>");
    markup_put(out, time);
    buffer_put_text(out, "</td>");
}

/* ": install_timeout: no word since 02:00" */
static void put_cause(const json_t *of, struct buffer *out)
{
    const char *code = evidence_text(of, "code");
    const char *detail = evidence_text(of, "detail");
    buffer_put_text(out, *code == '\0' ? "" : ": ");
    markup_put(out, code);
    buffer_put_text(out, *detail == '\0' ? "" : ": ");
    markup_put(out, detail);
}

static void put_event_line(const json_t *event, struct buffer *out)
{
    buffer_put_text(out, "<li>");
    evidence_put_time_text(evidence_text(event, "at"), out);
    if (evidence_number(event, "attempt") > 0)
        buffer_format(out, ", attempt %" PRId64, evidence_number(event, "attempt"));
    buffer_put_text(out, ": ");
    evidence_put_words(evidence_text(event, "state"), out);
    put_cause(event, out);
    buffer_put_text(out, "</li>");
}

/* Writes what the times of the states do not show: earlier attempts, deferrals, codes. */
static void put_history(const json_t *instruction, struct buffer *out)
{
    const json_t *events = json_object_get(instruction, "events");
    bool coded = *evidence_text(instruction, "code") != '\0' || *evidence_text(instruction, "detail") != '\0';
    size_t i;
    const json_t *event;
    if (json_array_size(events) == 0 && !coded)
        return;
    buffer_put_text(out, "<tr class=\"e\"><td colspan=\"9\"><ul>");
    json_array_foreach(events, i, event)
    {
        bool last = evidence_number(event, "attempt") == evidence_number(instruction, "attempt") &&
                    strcmp(evidence_text(event, "state"), evidence_text(instruction, "state")) == 0;
        put_event_line(event, out);
        coded = coded && !last;
    }
    if (coded) {
        buffer_put_text(out, "<li>");
        evidence_put_words(evidence_text(instruction, "state"), out);
        put_cause(instruction, out);
        buffer_put_text(out, "</li>");
    }
    buffer_put_text(out, "</ul></td></tr>");
}

void evidence_page_add_device(const json_t *instruction, struct buffer *out)
{
    static const char *const times[] = {"planned_at",  "dispatched_at", "sent_at",
                                        "received_at", "installing_at", "ended_at"};
    buffer_put_text(out, "<tbody><tr><td class=\"i\"><b>");
    markup_put(out, evidence_text(instruction, "device"));
    buffer_put_text(out, "</b><small>");
    markup_put(out, evidence_text(instruction, "group"));
    buffer_put_text(out, *evidence_text(instruction, "branch") == '\0' ? "" : " · ");
    markup_put(out, evidence_text(instruction, "branch"));
    buffer_put_text(out, "</small></td><td>");
    evidence_put_state(evidence_text(instruction, "state"), out);
    buffer_format(out, "</td><td class=\"n\">%" PRId64 "</td>", evidence_number(instruction, "attempt"));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        put_date_and_time(evidence_text(instruction, times[i]), out);
    buffer_put_text(out, "</tr>");
    put_history(instruction, out);
    buffer_put_text(out, "</tbody>\n");
}
