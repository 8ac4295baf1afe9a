#include "clients/ctl/page/evidence_parts.h"

#include "base/fault.h"
#include "clients/ctl/picture/markup.h"
#include "clients/ctl/picture/timeline_columns.h"
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
    const char *group = evidence_text(approval, "group");
    bool approved = json_is_true(json_object_get(approval, "approved"));
    buffer_put_text(out, "<tr>");
    evidence_put_time(evidence_text(approval, "at"), out);
    evidence_put_cell("k", evidence_text(approval, "actor"), out);
    buffer_put_text(out, "<td>");
    evidence_put_state(approved ? "approved" : "rejected", out);
    if (json_is_true(json_object_get(approval, "void"))) {
        buffer_put_text(out, "<small>void: ");
        markup_put(out, evidence_text(approval, "void_because"));
        buffer_put_text(out, "</small>");
    }
    buffer_put_text(out, "</td>");
    evidence_put_cell("", *group == '\0' ? "the rollout" : group, out);
    evidence_put_cell("m", evidence_text(approval, "digest"), out);
    evidence_put_cell("r", evidence_text(approval, "reason"), out);
    buffer_put_text(out, "</tr>\n");
}

/* What a person let happen without approvals, and how others reviewed it. */
static void put_review(const json_t *review, struct buffer *out)
{
    size_t i;
    const json_t *decision;
    buffer_put_text(out, "<p class=\"note\">");
    markup_put(out, evidence_text(review, "actor"));
    buffer_put_text(out, " let it ");
    markup_put(out, evidence_text(review, "of"));
    buffer_put_text(out, " without approvals at ");
    evidence_put_time_text(evidence_text(review, "at"), out);
    buffer_put_text(out, ": ");
    markup_put(out, evidence_text(review, "reason"));
    buffer_format(out, ". Review %d is ", (int)evidence_number(review, "review"));
    markup_put(out, evidence_text(review, "state"));
    json_array_foreach(json_object_get(review, "decisions"), i, decision)
    {
        buffer_put_text(out, i == 0 ? ": " : "; ");
        markup_put(out, evidence_text(decision, "actor"));
        buffer_put_text(out,
                        json_is_true(json_object_get(decision, "accepted")) ? " accepted it at " : " objected at ");
        evidence_put_time_text(evidence_text(decision, "at"), out);
        buffer_put_text(out, ": ");
        markup_put(out, evidence_text(decision, "reason"));
    }
    buffer_put_text(out, ".</p>\n");
}

void evidence_put_approvals(const json_t *evidence, struct buffer *out)
{
    static const char *const titles[] = {"At", "By", "Decision", "Scope", "Digest", "Reason"};
    const json_t *approvals = json_object_get(evidence, "approvals");
    const json_t *given = json_object_get(approvals, "given");
    size_t i;
    const json_t *approval, *review;
    buffer_put_text(out, "<section>\n");
    evidence_put_heading("Approvals", out);
    buffer_put_text(out, "<p class=\"note\">");
    if (evidence_number(approvals, "required") > 0)
        buffer_format(out, "Required before the start: %d, by people who did not order it.",
                      (int)evidence_number(approvals, "required"));
    else
        buffer_put_text(out, "The plan requires none before the start.");
    buffer_put_text(out, "</p>\n");
    if (json_array_size(given) == 0) {
        put_none("None given.", out);
    } else {
        evidence_begin_table("a", titles, sizeof titles / sizeof *titles, out);
        json_array_foreach(given, i, approval)
        {
            put_approval(approval, out);
        }
        evidence_end_table(out);
    }
    json_array_foreach(json_object_get(approvals, "reviews"), i, review)
    {
        put_review(review, out);
    }
    buffer_put_text(out, "</section>\n");
}

/* ---- plan and actual ------------------------------------------------------------------------ */

enum { PICTURE_WIDTH = 800, GROUPS_A_PICTURE = 16 };

/* Returns whether a group of the part has something in one of its columns. */
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

/* Draws parts that fit one sheet each; the last one has the legend. */
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
    const char *date = evidence_text(night, "night");
    int day = timeline_day_read(date);
    int64_t planned = evidence_number(night, "planned");
    int64_t started = evidence_number(night, "started");
    buffer_put_text(out, "<tr><td class=\"t\">");
    markup_put(out, date);
    buffer_format(out, "%s%s</td>", day < 0 ? "" : " ", day < 0 ? "" : timeline_date_of(day).weekday);
    evidence_put_cell("k", evidence_text(night, "group"), out);
    evidence_put_count(planned, out);
    evidence_put_count(started, out);
    evidence_put_count(evidence_number(night, "completed"), out);
    evidence_put_count(evidence_number(night, "failed") + evidence_number(night, "timed_out") +
                           evidence_number(night, "rejected"),
                       out);
    buffer_put_text(out, "<td class=\"n\">");
    buffer_put_text(out, started > planned ? "+" : "");
    text_put_count(out, started - planned);
    buffer_put_text(out, "</td></tr>\n");
}

void evidence_put_timeline(const json_t *evidence, struct buffer *out)
{
    static const char *const titles[] = {"Night",      "Group",   "#Planned",          "#Started",
                                         "#Completed", "#Failed", "#Started – planned"};
    const json_t *nights = json_object_get(evidence, "nights");
    struct timeline timeline;
    size_t i;
    const json_t *night;
    timeline_read_evidence(&timeline, evidence);
    buffer_put_text(out, "<section>\n");
    evidence_put_heading("Plan and actual", out);
    put_pictures(&timeline, out);
    timeline_free(&timeline);
    if (json_array_size(nights) == 0) {
        put_none("Nothing planned, nothing started.", out);
    } else {
        evidence_begin_table("nights", titles, sizeof titles / sizeof *titles, out);
        json_array_foreach(nights, i, night)
        {
            put_night(night, out);
        }
        evidence_end_table(out);
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
    evidence_put_cell("k", evidence_text(group, "name"), out);
    buffer_put_text(out, "<td>");
    evidence_put_state(evidence_text(group, "state"), out);
    buffer_put_text(out, "</td>");
    evidence_put_cell("", buffer_text(&gate), out);
    buffer_free(&gate);
    evidence_put_count(evidence_number(group, "devices"), out);
    evidence_put_count(evidence_number(counts, "completed"), out);
    evidence_put_count(evidence_failed(group), out);
    evidence_put_count(evidence_not_started(group), out);
    evidence_put_time(evidence_text(group, "settled_at"), out);
    buffer_put_text(out, "</tr>\n");
}

void evidence_put_groups(const json_t *evidence, struct buffer *out)
{
    static const char *const titles[TITLES] = {
        "Group", "State", "Gate", "#Devices", "#Completed", "#Failed", "#Cancelled or expired", "Settled"};
    struct timeline timeline;
    size_t i;
    const json_t *group;
    timeline_read_evidence(&timeline, evidence);
    buffer_put_text(out, "<section>\n");
    evidence_put_heading("Groups", out);
    evidence_begin_table("g", titles, TITLES, out);
    json_array_foreach(json_object_get(evidence, "groups"), i, group)
    {
        put_group(&timeline, i, group, out);
    }
    evidence_end_table(out);
    buffer_put_text(out, "</section>\n");
    timeline_free(&timeline);
}

/* ---- deviations ----------------------------------------------------------------------------- */

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
    int64_t devices = evidence_number(part, "devices");
    size_t i;
    const json_t *example;
    buffer_put_text(out, "<tr><td class=\"k c\">");
    evidence_put_words(what, out);
    put_codes(json_object_get(part, "codes"), out);
    buffer_put_text(out, "</td>");
    evidence_put_count(devices, out);
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

/* Writes a row of generated texts in the form of a deviation. */
static void put_generated_deviation(const char *what, int64_t devices, json_t *texts, struct buffer *out)
{
    json_t *part = json_pack("{s:I, s:o}", "devices", (json_int_t)devices, "examples", texts);
    TC_CHECK(part != NULL);
    put_deviation(what, part, out);
    json_decref(part);
}

/* Writes the two rows only if they have devices. */
static void put_unavailable(const json_t *evidence, struct buffer *out)
{
    const json_t *unavailable = json_object_get(evidence, "unavailable"),
                 *awaiting = json_object_get(evidence, "awaiting_return");
    size_t i;
    const json_t *example;
    json_t *machines = json_array(), *branches = json_array();
    json_array_foreach(json_object_get(unavailable, "examples"), i, example)
    {
        TC_CHECK(json_array_append(machines, json_object_get(example, "device")) == 0);
    }
    json_array_foreach(json_object_get(awaiting, "examples"), i, example)
    {
        TC_CHECK(json_array_append(branches, json_object_get(example, "branch")) == 0);
    }
    if (json_array_size(machines) > 0)
        put_generated_deviation("are still out of service", evidence_number(unavailable, "devices"),
                                json_incref(machines), out);
    if (json_array_size(branches) > 0)
        put_generated_deviation("wait until a machine of their branch is back", evidence_number(awaiting, "devices"),
                                json_incref(branches), out);
    json_decref(machines);
    json_decref(branches);
}

void evidence_put_deviations(const json_t *evidence, struct buffer *out)
{
    static const char *const titles[] = {"What", "#Devices", "Which"};
    const json_t *drift = json_object_get(evidence, "drift");
    const char *key;
    json_t *part;
    buffer_put_text(out, "<section>\n");
    evidence_put_heading("Deviations", out);
    evidence_begin_table("v", titles, sizeof titles / sizeof *titles, out);
    json_object_foreach(json_object_get(evidence, "deviations"), key, part)
    {
        put_deviation(key, part, out);
    }
    put_unavailable(evidence, out);
    put_deviation("match the selector now and were not planned", json_object_get(drift, "added"), out);
    put_deviation("were planned and no longer match the selector", json_object_get(drift, "gone"), out);
    evidence_end_table(out);
    buffer_put_text(out, "</section>\n");
}

/* ---- events and plan ------------------------------------------------------------------------ */

void evidence_put_events(const json_t *evidence, struct buffer *out)
{
    static const char *const titles[] = {"At", "Event", "Group", "By", "Reason"};
    size_t i;
    const json_t *event;
    buffer_put_text(out, "<section>\n");
    evidence_put_heading("Events", out);
    evidence_begin_table("h", titles, sizeof titles / sizeof *titles, out);
    json_array_foreach(json_object_get(evidence, "events"), i, event)
    {
        buffer_put_text(out, "<tr>");
        evidence_put_time(evidence_text(event, "at"), out);
        buffer_put_text(out, "<td class=\"k c\">");
        evidence_put_words(evidence_text(event, "kind"), out);
        buffer_put_text(out, "</td>");
        evidence_put_cell("", evidence_text(event, "group"), out);
        evidence_put_cell("", evidence_text(event, "actor"), out);
        evidence_put_cell("r", evidence_text(event, "reason"), out);
        buffer_put_text(out, "</tr>\n");
    }
    evidence_end_table(out);
    buffer_put_text(out, "</section>\n");
}

void evidence_put_plan(const json_t *evidence, struct buffer *out)
{
    const json_t *plan = json_object_get(evidence, "plan");
    char *text = json_dumps(plan, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (text == NULL)
        return;
    buffer_put_text(out, "<section>\n");
    evidence_put_heading("The plan", out);
    buffer_put_text(out, "<p class=\"note\">Canonical form; its SHA-256 without white space is the digest.</p>\n<pre>");
    markup_put(out, text);
    buffer_put_text(out, "</pre>\n</section>\n");
    free(text);
}
