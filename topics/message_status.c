#include "base/clock.h"
#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>
#include <string.h>

enum { PROGRESS_NOT_SAID = -1, PROGRESS_MAX = 100 };

static const struct {
    const char *name;
    bool is_final;
} states[] = {
    [REPORT_RECEIVED] = {"received", false},     [REPORT_DEFERRED] = {"deferred", true},
    [REPORT_INSTALLING] = {"installing", false}, [REPORT_COMPLETED] = {"completed", true},
    [REPORT_FAILED] = {"failed", true},          [REPORT_REJECTED] = {"rejected", true},
};
enum { STATE_COUNT = sizeof states / sizeof *states };

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

enum tc_error status_decode(const void *bytes, size_t length, struct status *status, struct tc_fault *fault)
{
    *status = (struct status){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    status->instruction = fields_integer(&fields, "instruction", 1, FIELDS_INTEGER_MAX);
    status->attempt = (int32_t)fields_integer(&fields, "attempt", 1, INT32_MAX);
    status->sequence = (int32_t)fields_integer(&fields, "sequence", 1, INT32_MAX);
    if (!report_state_parse(fields_string(&fields, "state"), &status->state))
        fields_refuse(&fields, "state", "allowed are received, deferred, installing, completed, failed and rejected");
    status->progress = (int32_t)fields_integer_or(&fields, "progress", 0, PROGRESS_MAX, PROGRESS_NOT_SAID);
    status->confirm = fields_boolean_or(&fields, "confirm", false);
    fields_text(&fields, "code", FIELD_OPTIONAL, status->code, sizeof status->code);
    fields_text(&fields, "detail", FIELD_OPTIONAL, status->detail, sizeof status->detail);
    status->at_ms = fields_time(&fields, "at", FIELD_OPTIONAL);
    status->versions = fields_versions(&fields, "versions");
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        *status = (struct status){0};
    return error;
}

void status_encode(const struct status *status, struct buffer *out)
{
    buffer_format(out, "{\"instruction\":%" PRId64 ",\"attempt\":%" PRId32 ",\"sequence\":%" PRId32 ",\"state\":\"%s\"",
                  status->instruction, status->attempt, status->sequence, report_state_name(status->state));
    if (status->progress != PROGRESS_NOT_SAID)
        buffer_format(out, ",\"progress\":%" PRId32, status->progress);
    if (status->confirm)
        buffer_put_text(out, ",\"confirm\":true");
    if (status->code[0] != '\0') {
        buffer_put_text(out, ",\"code\":");
        json_text_put(out, status->code);
    }
    if (status->detail[0] != '\0') {
        buffer_put_text(out, ",\"detail\":");
        json_text_put(out, status->detail);
    }
    if (status->versions != NULL) {
        buffer_put_text(out, ",\"versions\":");
        json_text_put_value(out, status->versions);
    }
    if (status->at_ms > 0) {
        char at[TC_TIME_TEXT_SIZE];
        clock_format(status->at_ms, at);
        buffer_format(out, ",\"at\":\"%s\"", at);
    }
    buffer_put_text(out, "}");
}

void status_free(struct status *status)
{
    json_decref(status->versions);
    status->versions = NULL;
}
