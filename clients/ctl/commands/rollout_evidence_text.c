#include "clients/ctl/commands/rollout.h"

#include "clients/ctl/picture/timeline_draw.h"
#include "clients/ctl/picture/timeline_words.h"
#include "clients/ctl/screen/text.h"

#include <string.h>

static void put_nights(const struct session *session, const json_t *nights, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"NIGHT", false, 0, 0},  {"GROUP", false, 0, 0},    {"PLANNED", true, 0, 0},
        {"STARTED", true, 0, 0}, {"COMPLETED", true, 0, 0}, {"FAILED", true, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *night;
    json_array_foreach(nights, i, night)
    {
        table_add(&table, TONE_PLAIN, document_text(night, "night"));
        table_add(&table, TONE_STRONG, document_text(night, "group"));
        table_add_count(&table, TONE_PLAIN, document_number(night, "planned"));
        table_add_count(&table, TONE_PLAIN, document_number(night, "started"));
        table_add_count(&table, TONE_GOOD, document_number(night, "completed"));
        table_add_count(&table, TONE_BAD,
                        document_number(night, "failed") + document_number(night, "timed_out") +
                            document_number(night, "rejected"));
    }
    if (i > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

static void add_deviation(struct table *table, const char *what, const json_t *part)
{
    enum { EXAMPLES_MOST = 8 };
    const json_t *examples = json_object_get(part, "examples");
    int64_t devices = document_number(part, "devices");
    size_t shown = json_array_size(examples) < EXAMPLES_MOST ? json_array_size(examples) : EXAMPLES_MOST;
    struct buffer which = {0};
    for (size_t i = 0; i < shown; i++) {
        const json_t *example = json_array_get(examples, i);
        buffer_format(&which, "%s%s", i == 0 ? "" : ", ", json_is_string(example) ? json_string_value(example) : "?");
    }
    buffer_put_text(&which, shown > 0 && (int64_t)shown < devices ? ", …" : "");
    table_add(table, TONE_STRONG, what);
    table_add_count(table, TONE_WARN, devices);
    table_add(table, TONE_PLAIN, buffer_text(&which));
    buffer_free(&which);
}

static void put_deviations(const struct session *session, const json_t *evidence, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"DEVIATION", false, 0, 0}, {"DEVICES", true, 0, 0}, {"WHICH", false, 0, 0}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    const json_t *drift = json_object_get(evidence, "drift");
    const char *key;
    json_t *part;
    json_object_foreach(json_object_get(evidence, "deviations"), key, part)
    {
        add_deviation(&table, key, part);
    }
    add_deviation(&table, "drift_added", json_object_get(drift, "added"));
    add_deviation(&table, "drift_gone", json_object_get(drift, "gone"));
    buffer_put_text(out, "\n");
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

void rollout_evidence_put(const struct session *session, const json_t *evidence, struct buffer *out)
{
    struct timeline timeline;
    timeline_read_evidence(&timeline, evidence);
    rollout_put_head(session, evidence, out);
    if (timeline.night_count > 0)
        buffer_put_text(out, "\n");
    timeline_put_screen(&timeline, &session->out, out);
    timeline_free(&timeline);
    put_nights(session, json_object_get(evidence, "nights"), out);
    put_deviations(session, evidence, out);
    rollout_put_events(session, json_object_get(evidence, "events"), 0, out);
}
