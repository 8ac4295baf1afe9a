#include "clients/ctl/page/report_parts.h"

#include "clients/ctl/picture/markup.h"
#include "clients/ctl/picture/timeline_draw.h"
#include "clients/ctl/picture/timeline_words.h"
#include "clients/ctl/screen/text.h"

#include <stdlib.h>
#include <string.h>

enum { TITLES = 8 };

static void put_none(const char *text, struct buffer *out)
{
    buffer_format(out, "<p class=\"none\">%s</p>\n", text);
}

/* ---- approvals ------------------------------------------------------------------------------ */

static void put_approval(const json_t *approval, struct buffer *out)
{
    const char *group = report_text(approval, "group");
    bool approved = json_is_true(json_object_get(approval, "approved"));
    buffer_put_text(out, "<tr>");
    report_put_time(report_text(approval, "at"), out);
    report_put_cell("k", report_text(approval, "actor"), out);
    buffer_put_text(out, "<td>");
    report_put_state(approved ? "approved" : "rejected", out);
    if (json_is_true(json_object_get(approval, "void")))
        buffer_put_text(out, "<small>void: of another plan</small>");
    buffer_put_text(out, "</td>");
    report_put_cell("", *group == '\0' ? "the rollout" : group, out);
    report_put_cell("m", report_text(approval, "digest"), out);
    report_put_cell("r", report_text(approval, "reason"), out);
    buffer_put_text(out, "</tr>\n");
}

void report_put_approvals(const json_t *report, struct buffer *out)
{
    static const char *const titles[] = {"At", "By", "Said", "What", "Digest", "Reason"};
    const json_t *approvals = json_object_get(report, "approvals");
    const json_t *given = json_object_get(approvals, "given");
    size_t i;
    const json_t *approval;
    buffer_put_text(out, "<section>\n");
    report_put_heading("Approvals", out);
    buffer_put_text(out, "<p class=\"note\">");
    if (report_number(approvals, "required") > 0)
        buffer_format(out, "Needed before anything starts: %d, of people who did not order it.",
                      (int)report_number(approvals, "required"));
    else
        buffer_put_text(out, "The plan needs none before anything starts.");
    buffer_put_text(out, "</p>\n");
    if (json_array_size(given) == 0) {
        put_none("None was given.", out);
    } else {
        report_begin_table("a", titles, sizeof titles / sizeof *titles, out);
        json_array_foreach(given, i, approval)
        {
            put_approval(approval, out);
        }
        report_end_table(out);
    }
    buffer_put_text(out, "</section>\n");
}

/* ---- plan and actual ------------------------------------------------------------------------ */

enum { PICTURE_WIDTH = 800, GROUPS_A_PICTURE = 16 };

/* True when one of the part's groups has something in one of its columns. */
static bool has_any(const struct timeline *timeline, const struct timeline_part *part)
{
    for (size_t group = part->group; group < part->group + part->group_count; group++) {
        double begin, end;
        bool soaks = timeline_soak(&timeline->groups[group], &begin, &end);
        if (soaks && timeline_position(timeline, begin) < (double)(part->column + part->column_count) &&
            timeline_position(timeline, end) > (double)part->column)
            return true;
        for (size_t column = part->column; column < part->column + part->column_count; column++) {
            if (timeline_night_at(timeline, group, column) != NULL)
                return true;
        }
    }
    return false;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* In parts that fit a sheet each, of which the last has the legend. */
static void put_pictures(const struct timeline *timeline, struct buffer *out)
{
    size_t most = timeline_columns_in(PICTURE_WIDTH);
    size_t parts = (timeline->column_count + most - 1) / most;
    size_t columns = parts == 0 ? 0 : (timeline->column_count + parts - 1) / parts;
    for (size_t group = 0; group < timeline->group_count; group += GROUPS_A_PICTURE) {
        for (size_t column = 0; column < timeline->column_count; column += columns) {
            struct timeline_part part = {
                .group = group,
                .group_count = smaller(timeline->group_count - group, GROUPS_A_PICTURE),
                .column = column,
                .column_count = smaller(timeline->column_count - column, columns),
            };
            part.legend = group + part.group_count == timeline->group_count &&
                          column + part.column_count == timeline->column_count;
            if (!part.legend && !has_any(timeline, &part))
                continue;
            buffer_put_text(out, "<figure>");
            timeline_put_svg(timeline, &part, PICTURE_WIDTH, NULL, out);
            buffer_put_text(out, "</figure>\n");
        }
    }
}

static void put_night(const json_t *night, struct buffer *out)
{
    const char *date = report_text(night, "night");
    int day = timeline_day_read(date);
    int64_t planned = report_number(night, "planned");
    int64_t started = report_number(night, "started");
    buffer_put_text(out, "<tr><td class=\"t\">");
    markup_put(out, date);
    buffer_format(out, "%s%s</td>", day < 0 ? "" : " ", day < 0 ? "" : timeline_date_of(day).weekday);
    report_put_cell("k", report_text(night, "group"), out);
    report_put_count(planned, out);
    report_put_count(started, out);
    report_put_count(report_number(night, "completed"), out);
    report_put_count(
        report_number(night, "failed") + report_number(night, "timed_out") + report_number(night, "rejected"), out);
    buffer_put_text(out, "<td class=\"n\">");
    buffer_put_text(out, started > planned ? "+" : "");
    text_put_count(out, started - planned);
    buffer_put_text(out, "</td></tr>\n");
}

void report_put_timeline(const json_t *report, struct buffer *out)
{
    static const char *const titles[] = {"Night",      "Group",   "#Planned",          "#Started",
                                         "#Completed", "#Failed", "#Started – planned"};
    const json_t *nights = json_object_get(report, "nights");
    struct timeline timeline;
    size_t i;
    const json_t *night;
    timeline_read_report(&timeline, report);
    buffer_put_text(out, "<section>\n");
    report_put_heading("Plan and actual", out);
    put_pictures(&timeline, out);
    timeline_free(&timeline);
    if (json_array_size(nights) == 0) {
        put_none("Nothing was planned and nothing started.", out);
    } else {
        report_begin_table("nights", titles, sizeof titles / sizeof *titles, out);
        json_array_foreach(nights, i, night)
        {
            put_night(night, out);
        }
        report_end_table(out);
        buffer_put_text(out, "<p class=\"note\">A night is the local date on which the window opened.</p>\n");
    }
    buffer_put_text(out, "</section>\n");
}

/* ---- groups --------------------------------------------------------------------------------- */

static void put_group(const struct timeline *timeline, size_t i, const json_t *group, struct buffer *out)
{
    const json_t *counts = json_object_get(group, "counts");
    struct buffer gate = {0};
    if (i < timeline->group_count)
        timeline_put_gate(&timeline->groups[i], true, &gate);
    buffer_put_text(out, "<tr>");
    report_put_cell("k", report_text(group, "name"), out);
    buffer_put_text(out, "<td>");
    report_put_state(report_text(group, "state"), out);
    buffer_put_text(out, "</td>");
    report_put_cell("", buffer_text(&gate), out);
    buffer_free(&gate);
    report_put_count(report_number(group, "devices"), out);
    report_put_count(report_number(counts, "completed"), out);
    report_put_count(
        report_number(counts, "failed") + report_number(counts, "timed_out") + report_number(counts, "rejected"), out);
    report_put_count(report_number(counts, "cancelled") + report_number(counts, "expired"), out);
    report_put_time(report_text(group, "settled_at"), out);
    buffer_put_text(out, "</tr>\n");
}

void report_put_groups(const json_t *report, struct buffer *out)
{
    static const char *const titles[TITLES] = {
        "Group", "State", "Gate", "#Devices", "#Completed", "#Failed", "#Cancelled or expired", "Settled"};
    struct timeline timeline;
    size_t i;
    const json_t *group;
    timeline_read_report(&timeline, report);
    buffer_put_text(out, "<section>\n");
    report_put_heading("Groups", out);
    report_begin_table("g", titles, TITLES, out);
    json_array_foreach(json_object_get(report, "groups"), i, group)
    {
        put_group(&timeline, i, group, out);
    }
    report_end_table(out);
    buffer_put_text(out, "</section>\n");
    timeline_free(&timeline);
}

/* ---- what was not as planned ---------------------------------------------------------------- */

/* "install_timeout 3, installer_failed 1" */
static void put_codes(const json_t *codes, struct buffer *out)
{
    const char *code;
    json_t *devices;
    const char *before = "<small>";
    json_object_foreach((json_t *)(uintptr_t)codes, code, devices)
    {
        buffer_put_text(out, before);
        markup_put(out, code);
        buffer_put_text(out, " ");
        text_put_count(out, json_integer_value(devices));
        before = ", ";
    }
    buffer_put_text(out, json_object_size(codes) == 0 ? "" : "</small>");
}

static void put_deviation(const char *what, const json_t *part, struct buffer *out)
{
    const json_t *examples = json_object_get(part, "examples");
    int64_t devices = report_number(part, "devices");
    size_t i;
    const json_t *example;
    buffer_put_text(out, "<tr><td class=\"k c\">");
    report_put_words(what, out);
    put_codes(json_object_get(part, "codes"), out);
    buffer_put_text(out, "</td>");
    report_put_count(devices, out);
    buffer_put_text(out, "<td class=\"r\">");
    json_array_foreach(examples, i, example)
    {
        buffer_put_text(out, i == 0 ? "<span>" : ", <span>");
        markup_put(out, json_is_string(example) ? json_string_value(example) : "?");
        buffer_put_text(out, "</span>");
    }
    if (devices > (int64_t)json_array_size(examples) && json_array_size(examples) > 0)
        buffer_put_text(out, ", …");
    buffer_put_text(out, json_array_size(examples) == 0 ? "–</td></tr>\n" : "</td></tr>\n");
}

void report_put_deviations(const json_t *report, struct buffer *out)
{
    static const char *const titles[] = {"What", "#Devices", "Which"};
    const json_t *drift = json_object_get(report, "drift");
    const char *key;
    json_t *part;
    buffer_put_text(out, "<section>\n");
    report_put_heading("Deviations", out);
    report_begin_table("v", titles, sizeof titles / sizeof *titles, out);
    json_object_foreach(json_object_get(report, "deviations"), key, part)
    {
        put_deviation(key, part, out);
    }
    put_deviation("match the selector now and were not planned", json_object_get(drift, "added"), out);
    put_deviation("were planned and match the selector no more", json_object_get(drift, "gone"), out);
    report_end_table(out);
    buffer_put_text(out, "</section>\n");
}

/* ---- what happened, and the plan ------------------------------------------------------------ */

void report_put_events(const json_t *report, struct buffer *out)
{
    static const char *const titles[] = {"At", "What", "Group", "By", "Reason"};
    size_t i;
    const json_t *event;
    buffer_put_text(out, "<section>\n");
    report_put_heading("What happened", out);
    report_begin_table("h", titles, sizeof titles / sizeof *titles, out);
    json_array_foreach(json_object_get(report, "events"), i, event)
    {
        buffer_put_text(out, "<tr>");
        report_put_time(report_text(event, "at"), out);
        buffer_put_text(out, "<td class=\"k c\">");
        report_put_words(report_text(event, "kind"), out);
        buffer_put_text(out, "</td>");
        report_put_cell("", report_text(event, "group"), out);
        report_put_cell("", report_text(event, "actor"), out);
        report_put_cell("r", report_text(event, "reason"), out);
        buffer_put_text(out, "</tr>\n");
    }
    report_end_table(out);
    buffer_put_text(out, "</section>\n");
}

void report_put_plan(const json_t *report, struct buffer *out)
{
    const json_t *plan = json_object_get(report, "plan");
    char *text = json_dumps(plan, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (text == NULL)
        return;
    buffer_put_text(out, "<section>\n");
    report_put_heading("The plan", out);
    buffer_put_text(out,
                    "<p class=\"note\">In canonical form; without white space its SHA-256 is the digest.</p>\n<pre>");
    markup_put(out, text);
    buffer_put_text(out, "</pre>\n</section>\n");
    free(text);
}
