#include "clients/ctl/page/report_page.h"

#include "clients/ctl/page/report_parts.h"
#include "clients/ctl/picture/markup.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- the head ------------------------------------------------------------------------------- */

/* A text inside a CSS string: only what is harmless there. */
static void put_css_text(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                     (*text >= '0' && *text <= '9') || strchr("_-.:+", *text) != NULL;
        buffer_put(out, plain ? text : "?", 1);
    }
}

static void put_head(const json_t *report, struct buffer *out)
{
    buffer_put_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta http-equiv=\"Content-Security-Policy\" "
                         "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    markup_put(out, report_text(report, "name"));
    buffer_format(out, ": report of rollout %" PRId64 "</title>\n<style>\n", report_number(report, "rollout"));
    for (const char *const *style = report_styles; *style != NULL; style++)
        buffer_put_text(out, *style);
    buffer_put_text(out, "@page { @bottom-left { content: \"");
    put_css_text(report_text(report, "name"), out);
    buffer_put_text(out, "  ·  ");
    put_css_text(report_text(report, "digest"), out);
    buffer_put_text(out, "\" } }\n</style>\n</head>\n<body>\n");
}

/* ---- the first part: what, who, how it ended ------------------------------------------------ */

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

static void put_time_fact(const char *name, const json_t *report, const char *key, struct buffer *out)
{
    if (*report_text(report, key) == '\0')
        return;
    begin_fact(name, out);
    report_put_time_text(report_text(report, key), out);
    end_fact(out);
}

/* Another rollout: its number, or its number and name. */
static void put_link_fact(const char *name, const json_t *report, const char *key, struct buffer *out)
{
    const json_t *link = json_object_get(report, key);
    const json_t *id = json_is_object(link) ? json_object_get(link, "rollout") : link;
    if (!json_is_integer(id))
        return;
    begin_fact(name, out);
    buffer_format(out, "rollout %" JSON_INTEGER_FORMAT " ", json_integer_value(id));
    markup_put(out, report_text(link, "name"));
    end_fact(out);
}

/* "install atm-app 4.7.2" */
static void put_action_fact(const json_t *report, struct buffer *out)
{
    const json_t *spec = json_object_get(json_object_get(report, "plan"), "spec");
    const json_t *artifact = json_object_get(spec, "artifact");
    if (*report_text(spec, "action") == '\0')
        return;
    begin_fact("Action", out);
    markup_put(out, report_text(spec, "action"));
    buffer_put_text(out, " ");
    markup_put(out, report_text(artifact, "name"));
    buffer_put_text(out, " ");
    markup_put(out, report_text(artifact, "version"));
    end_fact(out);
}

static void put_facts(const json_t *report, struct buffer *out)
{
    buffer_put_text(out, "<dl>\n");
    put_fact("Change", report_text(report, "change"), out);
    put_action_fact(report, out);
    begin_fact("Ordered by", out);
    markup_put(out, report_text(report, "author"));
    buffer_put_text(out, ", through ");
    markup_put(out, report_text(report, "door"));
    end_fact(out);
    put_time_fact("Ordered", report, "submitted_at", out);
    put_time_fact("Planned", report, "planned_at", out);
    put_time_fact("First start", report, "first_start_at", out);
    put_time_fact("Last device done", report, "last_end_at", out);
    put_time_fact("Ended", report, "ended_at", out);
    put_link_fact("Rollback of", report, "rollback_of", out);
    put_link_fact("Rolled back by", report, "rollback", out);
    put_fact("Because", report_text(report, "detail"), out);
    buffer_put_text(out, "<div class=\"wide\"><dt>Digest of the plan (SHA-256)</dt><dd class=\"m\">");
    markup_put(out, report_text(report, "digest"));
    buffer_put_text(out, "</dd></div>\n</dl>\n");
}

static void put_figure(const char *name, const char *class, int64_t count, struct buffer *out)
{
    buffer_format(out, "<div><b class=\"%s\">", count == 0 ? "z" : class);
    text_put_count(out, count);
    buffer_format(out, "</b>%s</div>\n", name);
}

static void put_figures(const json_t *report, struct buffer *out)
{
    const json_t *counts = json_object_get(report, "counts");
    int64_t failed =
        report_number(counts, "failed") + report_number(counts, "timed_out") + report_number(counts, "rejected");
    int64_t not_started = report_number(counts, "cancelled") + report_number(counts, "expired");
    int64_t devices = report_number(report, "devices");
    int64_t completed = report_number(counts, "completed");
    buffer_put_text(out, "<div class=\"figures\">\n");
    put_figure(devices == 1 ? "device" : "devices", "", devices, out);
    put_figure("completed", "good", completed, out);
    put_figure("failed", "bad", failed, out);
    put_figure("cancelled or expired", "warn", not_started, out);
    put_figure("not ended", "", devices - completed - failed - not_started, out);
    buffer_put_text(out, "</div>\n");
}

void report_page_begin(const json_t *report, struct buffer *out)
{
    static const char *const titles[] = {"Device", "State",    "#Attempt",   "Planned", "Dispatched",
                                         "Sent",   "Received", "Installing", "Ended"};
    put_head(report, out);
    buffer_format(out, "<header>\n<p class=\"kind\">Rollout %" PRId64 " · report</p>\n<h1>",
                  report_number(report, "rollout"));
    markup_put(out, report_text(report, "name"));
    buffer_put_text(out, " ");
    report_put_state(report_text(report, "state"), out);
    buffer_put_text(out, "</h1>\n");
    put_facts(report, out);
    put_figures(report, out);
    buffer_put_text(out, "<p class=\"note\">All times are UTC. Read at ");
    report_put_time_text(report_text(report, "reported_at"), out);
    buffer_format(out, " at version %" PRId64 " of the rollout, by tellercast " TELLERCAST_VERSION ".</p>\n</header>\n",
                  report_number(report, "version"));
    report_put_approvals(report, out);
    report_put_timeline(report, out);
    report_put_groups(report, out);
    report_put_deviations(report, out);
    report_put_events(report, out);
    report_put_plan(report, out);
    buffer_put_text(out, "<section class=\"devices\">\n");
    report_put_heading("Devices", out);
    report_begin_table("d", titles, sizeof titles / sizeof *titles, out);
}

void report_page_end(struct buffer *out)
{
    report_end_table(out);
    buffer_put_text(out, "</section>\n</body>\n</html>\n");
}

/* ---- a device ------------------------------------------------------------------------------- */

/* The date above, the time below: six of these stand side by side on A4. */
static void put_moment(const char *rfc3339, struct buffer *out)
{
    enum { DATE = 10, TIME_AT = 11, TIME = 8 };
    if (strlen(rfc3339) < TIME_AT + TIME) {
        report_put_cell("t", rfc3339, out);
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
    const char *code = report_text(of, "code");
    const char *detail = report_text(of, "detail");
    buffer_put_text(out, *code == '\0' ? "" : ": ");
    markup_put(out, code);
    buffer_put_text(out, *detail == '\0' ? "" : ": ");
    markup_put(out, detail);
}

static void put_event_line(const json_t *event, struct buffer *out)
{
    buffer_put_text(out, "<li>");
    report_put_time_text(report_text(event, "at"), out);
    if (report_number(event, "attempt") > 0)
        buffer_format(out, ", attempt %" PRId64, report_number(event, "attempt"));
    buffer_put_text(out, ": ");
    report_put_words(report_text(event, "state"), out);
    put_cause(event, out);
    buffer_put_text(out, "</li>");
}

/* What the states' times do not tell: earlier attempts, deferrals, codes. */
static void put_story(const json_t *instruction, struct buffer *out)
{
    const json_t *events = json_object_get(instruction, "events");
    bool coded = *report_text(instruction, "code") != '\0' || *report_text(instruction, "detail") != '\0';
    size_t i;
    const json_t *event;
    if (json_array_size(events) == 0 && !coded)
        return;
    buffer_put_text(out, "<tr class=\"e\"><td colspan=\"9\"><ul>");
    json_array_foreach(events, i, event)
    {
        bool last = report_number(event, "attempt") == report_number(instruction, "attempt") &&
                    strcmp(report_text(event, "state"), report_text(instruction, "state")) == 0;
        put_event_line(event, out);
        coded = coded && !last;
    }
    if (coded) {
        buffer_put_text(out, "<li>");
        report_put_words(report_text(instruction, "state"), out);
        put_cause(instruction, out);
        buffer_put_text(out, "</li>");
    }
    buffer_put_text(out, "</ul></td></tr>");
}

void report_page_add_device(const json_t *instruction, struct buffer *out)
{
    static const char *const times[] = {"planned_at",  "dispatched_at", "sent_at",
                                        "received_at", "installing_at", "ended_at"};
    buffer_put_text(out, "<tbody><tr><td class=\"i\"><b>");
    markup_put(out, report_text(instruction, "device"));
    buffer_put_text(out, "</b><small>");
    markup_put(out, report_text(instruction, "group"));
    buffer_put_text(out, *report_text(instruction, "branch") == '\0' ? "" : " · ");
    markup_put(out, report_text(instruction, "branch"));
    buffer_put_text(out, "</small></td><td>");
    report_put_state(report_text(instruction, "state"), out);
    buffer_format(out, "</td><td class=\"n\">%" PRId64 "</td>", report_number(instruction, "attempt"));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        put_moment(report_text(instruction, times[i]), out);
    buffer_put_text(out, "</tr>");
    put_story(instruction, out);
    buffer_put_text(out, "</tbody>\n");
}
