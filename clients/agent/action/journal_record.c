#include "clients/agent/action/journal_record.h"

#include "topics/fields.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CHECKSUM_LENGTH = 8, PREFIX_LENGTH = CHECKSUM_LENGTH + 1, RECORD_SIZE_MAX = 16384 };

static const char *const stage_names[] = {"received", "intent", "ended"};

static uint32_t checksum_of(const char *text, size_t length)
{
    return (uint32_t)crc32(0, (const unsigned char *)text, (unsigned)length);
}

static void put_line(struct buffer *out, const struct buffer *json)
{
    buffer_format(out, "%08" PRIx32 " ", checksum_of(buffer_text(json), json->length));
    buffer_put(out, buffer_text(json), json->length);
    buffer_put(out, "\n", 1);
}

void journal_record_put_entry(struct buffer *out, const struct journal_entry *entry)
{
    struct buffer json = {0};
    buffer_format(&json,
                  "{\"record\":\"instruction\",\"instruction\":%" PRId64 ",\"attempt\":%" PRId32 ",\"epoch\":%" PRId64
                  ",\"order\":\"%s\",\"expires\":%" PRId64 ",\"stage\":\"%s\",\"sequence\":%" PRId32,
                  entry->instruction, entry->attempt, entry->epoch, entry->content, entry->expires_s,
                  stage_names[entry->stage], entry->sequence);
    if (entry->artifact[0] != '\0') {
        buffer_format(&json, ",\"action\":\"%s\",\"artifact\":", action_name(entry->action));
        json_text_put(&json, entry->artifact);
        buffer_put_text(&json, ",\"version\":");
        json_text_put(&json, entry->version);
    }
    if (entry->stage == JOURNAL_ENDED) {
        buffer_format(&json,
                      ",\"state\":\"%s\",\"reported\":%s,\"at\":%" PRId64 ",\"code\":", report_state_name(entry->state),
                      entry->reported ? "true" : "false", entry->at_ms);
        json_text_put(&json, entry->code);
        buffer_put_text(&json, ",\"detail\":");
        json_text_put(&json, entry->detail);
    }
    buffer_put_text(&json, "}");
    put_line(out, &json);
    buffer_free(&json);
}

void journal_record_put_high_water_marks(struct buffer *out, const struct journal_high_water_marks *high_water_marks)
{
    struct buffer json = {0};
    buffer_format(&json, "{\"record\":\"marks\",\"epoch\":%" PRId64 ",\"issued_at\":%" PRId64, high_water_marks->epoch,
                  high_water_marks->issued_at_s);
    if (high_water_marks->forgotten_before_s != 0)
        buffer_format(&json, ",\"forgotten_before\":%" PRId64, high_water_marks->forgotten_before_s);
    if (high_water_marks->recalled != 0)
        buffer_format(&json, ",\"recalled\":%" PRId64, high_water_marks->recalled);
    if (high_water_marks->is_time_proven)
        buffer_put_text(&json, ",\"time_proven\":true");
    buffer_put_text(&json, "}");
    put_line(out, &json);
    buffer_free(&json);
}

static enum journal_stage read_stage(struct fields *fields)
{
    const char *name = fields_string(fields, "stage");
    for (int i = JOURNAL_RECEIVED; i <= JOURNAL_ENDED; i++) {
        if (strcmp(name, stage_names[i]) == 0)
            return (enum journal_stage)i;
    }
    fields_refuse(fields, "stage", "found \"%s\"", name);
    return JOURNAL_RECEIVED;
}

/* Older agents write none of these fields; an unknown action of a newer one is not checked. */
static void read_wanted(struct fields *fields, struct journal_entry *entry)
{
    if (!fields_has(fields, "artifact") || !action_parse(fields_string(fields, "action"), &entry->action))
        return;
    fields_text(fields, "artifact", FIELD_REQUIRED, entry->artifact, sizeof entry->artifact);
    fields_text(fields, "version", FIELD_OPTIONAL, entry->version, sizeof entry->version);
}

static void read_entry(struct fields *fields, struct journal_entry *entry)
{
    *entry = (struct journal_entry){
        .instruction = fields_integer(fields, "instruction", 1, FIELDS_INTEGER_MAX),
        .attempt = (int32_t)fields_integer(fields, "attempt", 1, INT32_MAX),
        .epoch = fields_integer(fields, "epoch", 0, FIELDS_INTEGER_MAX),
        .expires_s = fields_integer(fields, "expires", 0, FIELDS_INTEGER_MAX),
        .stage = read_stage(fields),
        .sequence = (int32_t)fields_integer(fields, "sequence", 0, INT32_MAX),
    };
    fields_text(fields, "order", FIELD_REQUIRED, entry->content, sizeof entry->content);
    read_wanted(fields, entry);
    if (entry->stage != JOURNAL_ENDED)
        return;
    const char *state = fields_string(fields, "state");
    if (!report_state_parse(state, &entry->state))
        fields_refuse(fields, "state", "found \"%s\"", state);
    entry->reported = fields_boolean(fields, "reported");
    entry->at_ms = fields_integer(fields, "at", 0, FIELDS_INTEGER_MAX);
    fields_text(fields, "code", FIELD_REQUIRED, entry->code, sizeof entry->code);
    fields_text(fields, "detail", FIELD_REQUIRED, entry->detail, sizeof entry->detail);
}

static enum tc_error check_checksum(const char *line, size_t length, struct tc_fault *fault)
{
    char written[CHECKSUM_LENGTH + 1];
    if (length <= PREFIX_LENGTH || line[CHECKSUM_LENGTH] != ' ')
        return tc_fault_set(fault, TC_INVALID, "not a journal record");
    (void)snprintf(written, sizeof written, "%08" PRIx32, checksum_of(line + PREFIX_LENGTH, length - PREFIX_LENGTH));
    if (memcmp(written, line, CHECKSUM_LENGTH) != 0)
        return tc_fault_set(fault, TC_INVALID, "the checksum does not match");
    return TC_OK;
}

enum tc_error journal_record_read(const char *line, size_t length, struct journal_record *record,
                                  struct tc_fault *fault)
{
    *record = (struct journal_record){0};
    enum tc_error error = check_checksum(line, length, fault);
    if (error != TC_OK)
        return error;
    struct fields fields;
    fields_open(&fields, line + PREFIX_LENGTH, length - PREFIX_LENGTH, RECORD_SIZE_MAX, fault);
    const char *kind = fields_string(&fields, "record");
    record->is_high_water_marks = strcmp(kind, "marks") == 0;
    if (record->is_high_water_marks) {
        record->high_water_marks.epoch = fields_integer(&fields, "epoch", 0, FIELDS_INTEGER_MAX);
        record->high_water_marks.issued_at_s = fields_integer(&fields, "issued_at", 0, FIELDS_INTEGER_MAX);
        record->high_water_marks.forgotten_before_s =
            fields_integer_or(&fields, "forgotten_before", 0, FIELDS_INTEGER_MAX, 0);
        record->high_water_marks.recalled = fields_integer_or(&fields, "recalled", 0, FIELDS_INTEGER_MAX, 0);
        record->high_water_marks.is_time_proven = fields_boolean_or(&fields, "time_proven", false);
    } else if (strcmp(kind, "instruction") == 0) {
        read_entry(&fields, &record->entry);
    } else {
        fields_refuse(&fields, "record", "found \"%s\"", kind);
    }
    return fields_close(&fields);
}
