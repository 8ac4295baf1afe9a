#include "base/clock.h"
#include "topics/fields.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_VERSION = 1, DEVICES_MAX = 4096, REVOKED_MAX = 2048, MS_PER_SECOND = 1000 };

static const char *const part_names[] = {
    [DIRECTORY_CHANGE] = "",   [DIRECTORY_BEGINS] = "begins", [DIRECTORY_CONTINUES] = "continues",
    [DIRECTORY_ENDS] = "ends", [DIRECTORY_WHOLE] = "whole",
};
enum { PARTS = sizeof part_names / sizeof *part_names };

static void read_part(struct fields *fields, enum directory_part *part)
{
    char name[16];
    fields_text(fields, "table", FIELD_OPTIONAL, name, sizeof name);
    for (int i = 0; i < PARTS; i++) {
        if (strcmp(name, part_names[i]) == 0) {
            *part = (enum directory_part)i;
            return;
        }
    }
    fields_refuse(fields, "table", "allowed: begins, continues, ends, whole");
}

static bool read_revoked_at(const json_t *item, int64_t *revoked_s)
{
    const json_t *at = json_object_get(item, "revoked_at");
    int64_t revoked_ms = 0;
    if (at != NULL && (!json_is_string(at) || !clock_parse(json_string_value(at), json_string_length(at), &revoked_ms)))
        return false;
    *revoked_s = revoked_ms / MS_PER_SECOND;
    return true;
}

static bool read_entry(const json_t *item, struct directory_entry *entry)
{
    const json_t *id = json_object_get(item, "id");
    const json_t *branch = json_object_get(item, "branch");
    const char *role = json_string_value(json_object_get(item, "role"));
    if (id == NULL || !json_is_string(id) || !id_is_valid(json_string_value(id), json_string_length(id)))
        return false;
    if (branch != NULL &&
        (!json_is_string(branch) || !id_is_valid(json_string_value(branch), json_string_length(branch))))
        return false;
    if (role == NULL || !device_role_parse(role, &entry->role) || (branch == NULL && entry->role != ROLE_PULL))
        return false;
    memcpy(entry->id, json_string_value(id), json_string_length(id));
    if (branch != NULL)
        memcpy(entry->branch, json_string_value(branch), json_string_length(branch));
    entry->retired = json_is_true(json_object_get(item, "retired"));
    return read_revoked_at(item, &entry->revoked_s);
}

static void read_entries(struct fields *fields, struct directory_message *message)
{
    const json_t *devices = fields_has(fields, "devices") ? fields_array(fields, "devices", 0, DEVICES_MAX) : NULL;
    if (devices == NULL || json_array_size(devices) == 0)
        return;
    message->entry_count = json_array_size(devices);
    message->entries = calloc(message->entry_count, sizeof *message->entries);
    TC_CHECK(message->entries != NULL);
    for (size_t i = 0; i < message->entry_count; i++) {
        if (!read_entry(json_array_get(devices, i), &message->entries[i]))
            fields_refuse(fields, "devices",
                          "entry %zu: allowed: an object of id, branch, role, retired and revoked_at", i + 1);
    }
}

static bool is_serial(const json_t *item)
{
    static const char digits[] = "0123456789abcdef";
    const char *text = json_string_value(item);
    size_t length = text == NULL ? 0 : json_string_length(item);
    return length >= 1 && length <= CERTIFICATE_SERIAL_MAX && strspn(text, digits) == length;
}

static void read_revoked(struct fields *fields, struct directory_message *message)
{
    const json_t *revoked = fields_has(fields, "revoked") ? fields_array(fields, "revoked", 0, REVOKED_MAX) : NULL;
    if (revoked == NULL || json_array_size(revoked) == 0)
        return;
    message->revoked_count = json_array_size(revoked);
    message->revoked = calloc(message->revoked_count, sizeof *message->revoked);
    TC_CHECK(message->revoked != NULL);
    for (size_t i = 0; i < message->revoked_count; i++) {
        const json_t *serial = json_array_get(revoked, i);
        if (is_serial(serial))
            memcpy(message->revoked[i], json_string_value(serial), json_string_length(serial));
        else
            fields_refuse(fields, "revoked", "entry %zu: allowed: 1 to %d hexadecimal digits in lower case", i + 1,
                          CERTIFICATE_SERIAL_MAX);
    }
}

enum tc_error directory_decode(const void *bytes, size_t length, struct directory_message *message,
                               struct tc_fault *fault)
{
    *message = (struct directory_message){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    (void)fields_integer(&fields, "version", WIRE_VERSION, WIRE_VERSION);
    fields_id(&fields, "generation", FIELD_REQUIRED, message->generation);
    message->sequence = fields_integer(&fields, "sequence", 1, FIELDS_INTEGER_MAX);
    read_part(&fields, &message->part);
    read_entries(&fields, message);
    read_revoked(&fields, message);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        directory_free(message);
    return error;
}

void directory_free(struct directory_message *message)
{
    free(message->entries);
    free(message->revoked);
    *message = (struct directory_message){0};
}

/* IDs, roles and serials need no escape. */
void directory_write_begin(struct directory_writer *writer, struct buffer *out, const char *generation,
                           int64_t sequence, enum directory_part part)
{
    *writer = (struct directory_writer){.out = out};
    buffer_clear(out);
    buffer_format(out, "{\"version\":%d,\"generation\":\"%s\",\"sequence\":%" PRId64, WIRE_VERSION, generation,
                  sequence);
    if (part != DIRECTORY_CHANGE)
        buffer_format(out, ",\"table\":\"%s\"", part_names[part]);
    buffer_put_text(out, ",\"devices\":[");
}

void directory_write_entry(struct directory_writer *writer, const struct directory_entry *entry)
{
    struct buffer *out = writer->out;
    TC_CHECK(writer->serials == 0);
    buffer_format(out, "%s{\"id\":\"%s\"", writer->entries == 0 ? "" : ",", entry->id);
    if (entry->branch[0] != '\0')
        buffer_format(out, ",\"branch\":\"%s\"", entry->branch);
    buffer_format(out, ",\"role\":\"%s\"%s", device_role_name(entry->role), entry->retired ? ",\"retired\":true" : "");
    if (entry->revoked_s > 0) {
        char at[TC_TIME_TEXT_SIZE];
        clock_format(entry->revoked_s * MS_PER_SECOND, at);
        buffer_format(out, ",\"revoked_at\":\"%s\"", at);
    }
    buffer_put_text(out, "}");
    writer->entries++;
}

void directory_write_revoked(struct directory_writer *writer, const char *serial)
{
    buffer_format(writer->out, "%s\"%s\"", writer->serials == 0 ? "],\"revoked\":[" : ",", serial);
    writer->serials++;
}

void directory_write_end(struct directory_writer *writer)
{
    buffer_put_text(writer->out, "]}");
    TC_CHECK(writer->out->length <= MESSAGE_SIZE_MAX);
}

bool directory_writer_has_space(const struct directory_writer *writer)
{
    return writer->out->length + (size_t)2 * DIRECTORY_PIECE_MAX <= MESSAGE_SIZE_MAX && writer->entries < DEVICES_MAX &&
           writer->serials < REVOKED_MAX;
}

static void read_table(struct fields *fields, struct guard_status *status)
{
    struct fields table;
    fields_enter(fields, "table", &table);
    fields_id(&table, "generation", FIELD_OPTIONAL, status->generation);
    status->sequence = fields_integer(&table, "sequence", 0, FIELDS_INTEGER_MAX);
    status->devices = fields_integer(&table, "devices", 0, FIELDS_INTEGER_MAX);
    fields_text(&table, "fault", FIELD_OPTIONAL, status->fault, sizeof status->fault);
    fields_leave(&table, fields);
}

enum tc_error guard_status_decode(const void *bytes, size_t length, struct guard_status *status, struct tc_fault *fault)
{
    *status = (struct guard_status){0};
    struct fields fields;
    char mode[16];
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    fields_text(&fields, "mode", FIELD_REQUIRED, mode, sizeof mode);
    status->enforces = strcmp(mode, "enforce") == 0;
    if (!status->enforces && strcmp(mode, "report") != 0)
        fields_refuse(&fields, "mode", "allowed: enforce, report");
    read_table(&fields, status);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        *status = (struct guard_status){0};
    return error;
}
