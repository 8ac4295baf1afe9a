#include "clients/ctl/commands/amendment_words.h"

#include "clients/ctl/commands/scope_words.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_rate(const json_t *rate, struct buffer *text)
{
    double growth = json_number_value(json_object_get(rate, "growth"));
    const json_t *most = json_object_get(rate, "maximumPerMinute");
    if (!json_is_integer(json_object_get(rate, "perMinute"))) {
        buffer_put_text(text, "that of the settings");
        return;
    }
    buffer_format(text, "%" PRId64 " a minute", document_number(rate, "perMinute"));
    if (growth > 1)
        buffer_format(text, ", times %g after each %" PRId64 " completed", growth, document_number(rate, "growAfter"));
    if (growth > 1 && json_is_integer(most))
        buffer_format(text, ", at most %" PRId64, document_number(rate, "maximumPerMinute"));
}

static void put_budget(const json_t *most, struct buffer *text)
{
    const json_t *percentage = json_object_get(most, "percentage");
    if (json_is_integer(most))
        buffer_format(text, "%" JSON_INTEGER_FORMAT " of a branch", json_integer_value(most));
    else if (percentage != NULL)
        buffer_format(text, "%g %% of a branch", json_number_value(percentage));
    else
        buffer_put_text(text, "none");
}

/* What an exclusion takes out: the labels, or the device. */
static void put_taken_out(const json_t *value, struct buffer *text)
{
    buffer_put_text(text, document_text(value, "device"));
    scope_put_labels(json_object_get(value, "match"), text);
}

void amendment_put_value(const char *kind, const json_t *value, struct buffer *text)
{
    if (strcmp(kind, "rate") == 0) {
        put_rate(value, text);
    } else if (strcmp(kind, "budget") == 0) {
        put_budget(value, text);
    } else if (strcmp(kind, "end") == 0 && json_is_string(value)) {
        text_put_time(text, json_string_value(value));
    } else if (strcmp(kind, "end") == 0) {
        buffer_put_text(text, "none");
    } else if (strcmp(kind, "exclude") == 0 || strcmp(kind, "skip") == 0) {
        put_taken_out(value, text);
    } else if (strcmp(kind, "pause_group") == 0 || strcmp(kind, "resume_group") == 0) {
        buffer_put_text(text, json_is_true(json_object_get(value, "paused")) ? "paused" : "not paused");
    } else if (strcmp(kind, "promote") == 0) {
        buffer_format(text, "%" PRId64 " of %" PRId64 " completed", document_number(value, "completed"),
                      document_number(value, "executed"));
    } else if (!json_is_null(value)) {
        char *json = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        buffer_put_text(text, json == NULL ? "" : json);
        free(json);
    }
}

void amendment_put_devices(const json_t *devices, struct buffer *text)
{
    enum { NAMES_MOST = 20 };
    size_t i, count = json_array_size(devices);
    const json_t *device;
    json_array_foreach(devices, i, device)
    {
        const char *code = document_text(device, "code");
        if (i < NAMES_MOST)
            buffer_format(text, "%s%s (%s%s%s)", i == 0 ? "" : ", ", document_text(device, "device"),
                          document_text(device, "state"), *code == '\0' ? "" : ": ", code);
    }
    if (count > NAMES_MOST)
        buffer_format(text, " and %zu more", count - NAMES_MOST);
}

/* "promote group pilot past 2 failed devices, A1 (failed: no_space), A2 (rejected): 8 of 8 completed in place of 8 of
 * 10, and its gate is 98 %" */
static void put_promotion(const json_t *amendment, struct buffer *text)
{
    const json_t *before = json_object_get(amendment, "before"), *after = json_object_get(amendment, "after");
    const json_t *failures = json_object_get(after, "failures");
    buffer_format(text, "promote group %s past ", document_text(amendment, "subject"));
    document_put_counted(text, (int64_t)json_array_size(failures), "failed device", "failed devices");
    buffer_put_text(text, ", ");
    amendment_put_devices(failures, text);
    buffer_format(
        text, ": %" PRId64 " of %" PRId64 " completed in place of %" PRId64 " of %" PRId64 ", and its gate is %g %%",
        document_number(after, "completed"), document_number(after, "executed"), document_number(before, "completed"),
        document_number(before, "executed"), json_number_value(json_object_get(before, "success")));
}

void amendment_put_change(const char *kind, const json_t *amendment, struct buffer *text)
{
    const json_t *before = json_object_get(amendment, "before");
    bool takes_out = strcmp(kind, "exclude") == 0 || strcmp(kind, "skip") == 0;
    if (strcmp(kind, "promote") == 0) {
        put_promotion(amendment, text);
        return;
    }
    buffer_format(text, takes_out ? "%s " : "%s from ", kind);
    amendment_put_value(kind, before, text);
    buffer_put_text(text, takes_out ? "" : " to ");
    amendment_put_value(kind, json_object_get(amendment, "after"), text);
}

/* ---- of a rollout ---- */

static const json_t *plan_value(const json_t *plan, const char *part, const char *key)
{
    const json_t *value = json_object_get(json_object_get(plan, "spec"), part);
    return key == NULL ? value : json_object_get(value, key);
}

/* A missing value is null. */
static bool is_same(const json_t *one, const json_t *other)
{
    bool has_one = one != NULL && !json_is_null(one), has_other = other != NULL && !json_is_null(other);
    return has_one == has_other && (!has_one || json_equal(one, other));
}

static void put_values(const struct session *session, const json_t *rollout, struct buffer *out)
{
    const json_t *in_force = json_object_get(rollout, "in_force"), *plan = json_object_get(rollout, "plan");
    const struct {
        const char *kind;
        const json_t *planned, *value;
    } values[] = {
        {"rate", plan_value(plan, "rate", NULL), json_object_get(in_force, "rate")},
        {"budget", plan_value(plan, "disruptionBudget", "maxUnavailable"),
         json_object_get(in_force, "max_unavailable")},
        {"end", plan_value(plan, "schedule", "endAt"), json_object_get(in_force, "end_at")},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values && json_is_object(in_force) && json_is_object(plan); i++) {
        struct buffer text = {0};
        if (is_same(values[i].planned, values[i].value))
            continue;
        buffer_format(&text, "%s ", values[i].kind);
        amendment_put_value(values[i].kind, values[i].value, &text);
        buffer_put_text(&text, ", by the plan ");
        amendment_put_value(values[i].kind, values[i].planned, &text);
        session_put_fact(session, "in force", buffer_text(&text), out);
        buffer_free(&text);
    }
}

void amendments_put(const struct session *session, const json_t *rollout, struct buffer *out)
{
    size_t i;
    const json_t *amendment;
    put_values(session, rollout, out);
    json_array_foreach(json_object_get(rollout, "amendments"), i, amendment)
    {
        struct buffer text = {0};
        if (strcmp(document_text(amendment, "state"), "awaiting_approval") != 0)
            continue;
        buffer_format(&text, "%" PRId64 ", ", document_number(amendment, "amendment"));
        amendment_put_change(document_text(amendment, "kind"), amendment, &text);
        buffer_format(&text, ", ordered by %s, ", document_text(amendment, "author"));
        text_put_time(&text, document_text(amendment, "at"));
        buffer_format(&text, ": %s; %zu of %" PRId64 " approvals given", document_text(amendment, "reason"),
                      json_array_size(json_object_get(amendment, "decisions")), document_number(amendment, "required"));
        session_put_fact(session, "amendment", buffer_text(&text), out);
        buffer_free(&text);
    }
}
