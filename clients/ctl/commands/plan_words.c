#include "clients/ctl/commands/plan_words.h"

#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"
#include "config/scalar.h"

#include <inttypes.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

static const json_t *at(const json_t *plan, const char *map, const char *key)
{
    return json_object_get(json_object_get(json_object_get(plan, "spec"), map), key);
}

/* Writes "?" for a value of a later version in an unknown format. */
static void put_duration(const json_t *seconds, struct buffer *out)
{
    char text[SCALAR_TEXT_SIZE] = "?";
    if (json_is_integer(seconds))
        scalar_write_duration(json_integer_value(seconds) * MS_PER_SECOND, text);
    buffer_put_text(out, text);
}

static void put_percentage(const json_t *number, struct buffer *out)
{
    if (json_is_number(number))
        buffer_format(out, "%.10g %%", json_number_value(number));
    else
        buffer_put_text(out, "? %");
}

/* "a, b, c": texts. */
static void put_list(const json_t *list, const char *between, struct buffer *out)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        buffer_format(out, "%s%s", i == 0 ? "" : between, json_is_string(item) ? json_string_value(item) : "?");
    }
}

/* ---- action ------------------------------------------------------------------------------------- */

/* "install atm-app 4.7.2, 412 MiB, over 4.6.3, 4.7.0"; "collect, with days=7 file=electronic-journal" */
static void put_action(const json_t *plan, struct buffer *out)
{
    const json_t *spec = json_object_get(plan, "spec");
    const json_t *artifact = json_object_get(spec, "artifact");
    const json_t *from = json_object_get(artifact, "fromVersions");
    const json_t *parameters = json_object_get(spec, "parameters");
    buffer_put_text(out, document_text(spec, "action"));
    if (json_is_object(artifact))
        buffer_format(out, " %s %s", document_text(artifact, "name"), document_text(artifact, "version"));
    if (document_number(artifact, "size") > 0) {
        buffer_put_text(out, ", ");
        text_put_size(out, document_number(artifact, "size"));
    }
    if (json_array_size(from) > 0) {
        buffer_put_text(out, ", over ");
        put_list(from, ", ", out);
    }
    if (json_object_size(parameters) > 0) {
        buffer_put_text(out, ", with ");
        document_put_pairs(parameters, out);
    }
}

/* ---- groups ------------------------------------------------------------------------------------ */

static void put_members(const json_t *group, struct buffer *out)
{
    const json_t *devices = json_object_get(group, "devices"), *branches = json_object_get(group, "branches");
    if (json_is_array(devices))
        document_put_counted(out, (int64_t)json_array_size(devices), "listed device", "listed devices");
    else if (json_is_array(branches))
        document_put_counted(out, (int64_t)json_array_size(branches), "listed branch", "listed branches");
    else if (json_is_integer(json_object_get(group, "count")))
        document_put_counted(out, document_number(group, "count"), "device, earlier groups included",
                             "devices, earlier groups included");
    else {
        put_percentage(json_object_get(group, "percentage"), out);
        buffer_put_text(out, " of all, earlier groups included");
    }
}

/* "pilot: 2 % of all, earlier groups included; then success 98 %, soak 48h, manual approval" */
static void put_group(const json_t *group, bool is_last, struct buffer *out)
{
    const json_t *soak = json_object_get(group, "soak");
    buffer_format(out, "%s: ", document_text(group, "name"));
    put_members(group, out);
    buffer_format(out, "; %ssuccess ", is_last ? "" : "then ");
    put_percentage(json_object_get(group, "success"), out);
    if (strcmp(document_text(group, "opens"), "reached") == 0)
        buffer_put_text(out, " as soon as reached");
    if (soak != NULL && (!json_is_integer(soak) || json_integer_value(soak) > 0)) {
        buffer_put_text(out, ", soak ");
        put_duration(soak, out);
    }
    if (strcmp(document_text(group, "approval"), "manual") == 0)
        buffer_put_text(out, ", manual approval");
}

/* ---- times -------------------------------------------------------------------------------------- */

/* "tue wed thu from 01:00 for 3h" */
static void put_window(const json_t *window, struct buffer *out)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    enum { DAYS = sizeof days / sizeof *days };
    const json_t *list = json_object_get(window, "days"), *day;
    size_t i;
    json_array_foreach(list, i, day)
    {
        json_int_t number = json_integer_value(day);
        if (json_array_size(list) < DAYS && number >= 1 && number <= DAYS)
            buffer_format(out, "%s ", days[number - 1]);
    }
    buffer_format(out, "%sfrom %s for ", json_array_size(list) < DAYS ? "" : "every day ",
                  document_text(window, "start"));
    put_duration(json_object_get(window, "duration"), out);
}

static void put_windows(const json_t *plan, struct buffer *out)
{
    const json_t *windows = at(plan, "schedule", "windows"), *window;
    const char *zone = json_string_value(at(plan, "schedule", "timeZone"));
    size_t i;
    if (json_array_size(windows) == 0)
        buffer_put_text(out, "always open");
    json_array_foreach(windows, i, window)
    {
        buffer_put_text(out, i == 0 ? "" : ", ");
        put_window(window, out);
    }
    if (zone != NULL && json_array_size(windows) > 0)
        buffer_format(out, ", in %s", strcmp(zone, "device") == 0 ? "the time of each branch" : zone);
}

static void put_span(const json_t *plan, struct buffer *out)
{
    const char *begin = json_string_value(at(plan, "schedule", "startAt"));
    const char *end = json_string_value(at(plan, "schedule", "endAt"));
    if (begin != NULL) {
        buffer_put_text(out, "not before ");
        text_put_time(out, begin);
    }
    if (end != NULL) {
        buffer_put_text(out, begin == NULL ? "until " : ", until ");
        text_put_time(out, end);
    }
}

static void put_blackouts(const json_t *plan, struct buffer *out)
{
    const json_t *blackouts = at(plan, "schedule", "blackouts"), *blackout;
    const json_t *calendars = at(plan, "schedule", "calendars");
    size_t i;
    json_array_foreach(blackouts, i, blackout)
    {
        const char *reason = document_text(blackout, "reason");
        buffer_format(out, "%s%s to %s%s%s%s", i == 0 ? "not from " : ", ", document_text(blackout, "from"),
                      document_text(blackout, "to"), *reason == '\0' ? "" : " (", reason, *reason == '\0' ? "" : ")");
    }
    if (json_array_size(calendars) > 0) {
        buffer_put_text(out, json_array_size(blackouts) == 0 ? "not in calendar " : "; not in calendar ");
        put_list(calendars, ", ", out);
    }
}

/* ---- the plan ------------------------------------------------------------------------------------ */

static void put_fact(const struct screen *screen, const char *name, struct buffer *text, struct buffer *out)
{
    facts_put(screen, name, buffer_text(text), out);
    buffer_clear(text);
}

void plan_put_words(const struct screen *screen, const json_t *plan, struct buffer *out)
{
    const json_t *groups = json_object_get(json_object_get(plan, "spec"), "groups"), *group;
    struct buffer text = {0};
    size_t i;
    put_action(plan, &text);
    put_fact(screen, "action", &text, out);
    json_array_foreach(groups, i, group)
    {
        put_group(group, i + 1 == json_array_size(groups), &text);
        put_fact(screen, i == 0 ? "groups" : "", &text, out);
    }
    put_windows(plan, &text);
    put_fact(screen, "windows", &text, out);
    put_span(plan, &text);
    put_fact(screen, "", &text, out);
    put_blackouts(plan, &text);
    put_fact(screen, "", &text, out);
    buffer_free(&text);
}
