#include "base/clock.h"
#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>
#include <string.h>

enum { PROGRESS_UNKNOWN = -1, PROGRESS_MAX = 100 };

static const struct {
    const char *name;
    bool is_final;
} states[] = {
    [REPORT_RECEIVED] = {"received", false},     [REPORT_DEFERRED] = {"deferred", true},
    [REPORT_INSTALLING] = {"installing", false}, [REPORT_COMPLETED] = {"completed", true},
    [REPORT_FAILED] = {"failed", true},          [REPORT_REJECTED] = {"rejected", true},
};
enum { STATE_COUNT = sizeof states / sizeof *states };

#define DEVICE_CODE(constant, name) const char constant[] = name;
#include "topics/vocabulary.def"

const char *report_state_name(enum report_state state)
{
    TC_CHECK((size_t)state < STATE_COUNT);
    return states[state].name;
}

bool report_state_parse(const char *name, enum report_state *state)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        if (strcmp(name, states[i].name) == 0) {
            *state = (enum report_state)i;
            return true;
        }
    }
    return false;
}

bool report_state_is_final(enum report_state state)
{
    TC_CHECK((size_t)state < STATE_COUNT);
    return states[state].is_final;
}

enum tc_error report_decode(const void *bytes, size_t length, struct report *report, struct tc_fault *fault)
{
    *report = (struct report){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    report->instruction = fields_integer(&fields, "instruction", 1, FIELDS_INTEGER_MAX);
    report->attempt = (int32_t)fields_integer(&fields, "attempt", 1, ATTEMPTS_MAX);
    report->sequence = (int32_t)fields_integer(&fields, "sequence", 1, INT32_MAX);
    if (!report_state_parse(fields_string(&fields, "state"), &report->state))
        fields_refuse(&fields, "state", "allowed: received, deferred, installing, completed, failed, rejected");
    report->progress = (int32_t)fields_integer_or(&fields, "progress", 0, PROGRESS_MAX, PROGRESS_UNKNOWN);
    report->confirm = fields_boolean_or(&fields, "confirm", false);
    fields_text(&fields, "code", FIELD_OPTIONAL, report->code, sizeof report->code);
    fields_text(&fields, "detail", FIELD_OPTIONAL, report->detail, sizeof report->detail);
    report->at_ms = fields_time(&fields, "at", FIELD_OPTIONAL);
    report->versions =
        fields_versions_or_none(&fields, "versions", report->versions_fault, sizeof report->versions_fault);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK) {
        json_decref(report->versions);
        *report = (struct report){
            .instruction = report->instruction, .attempt = report->attempt, .sequence = report->sequence};
    }
    return error;
}

void report_encode(const struct report *report, struct buffer *out)
{
    buffer_format(out, "{\"instruction\":%" PRId64 ",\"attempt\":%" PRId32 ",\"sequence\":%" PRId32 ",\"state\":\"%s\"",
                  report->instruction, report->attempt, report->sequence, report_state_name(report->state));
    if (report->progress != PROGRESS_UNKNOWN)
        buffer_format(out, ",\"progress\":%" PRId32, report->progress);
    if (report->confirm)
        buffer_put_text(out, ",\"confirm\":true");
    if (report->code[0] != '\0') {
        buffer_put_text(out, ",\"code\":");
        json_text_put(out, report->code);
    }
    if (report->detail[0] != '\0') {
        buffer_put_text(out, ",\"detail\":");
        json_text_put(out, report->detail);
    }
    if (report->versions != NULL) {
        buffer_put_text(out, ",\"versions\":");
        json_text_put_value(out, report->versions);
    }
    if (report->at_ms > 0) {
        char at[TC_TIME_TEXT_SIZE];
        clock_format(report->at_ms, at);
        buffer_format(out, ",\"at\":\"%s\"", at);
    }
    buffer_put_text(out, "}");
}

void report_free(struct report *report)
{
    json_decref(report->versions);
    report->versions = NULL;
}
