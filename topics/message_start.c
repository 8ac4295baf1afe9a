#include "base/clock.h"
#include "topics/fields.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void read_devices(struct fields *fields, struct start *start)
{
    const json_t *devices = fields_array(fields, "devices", 1, START_DEVICES_MAX);
    if (devices == NULL)
        return;
    start->device_count = json_array_size(devices);
    start->devices = calloc(start->device_count, sizeof *start->devices);
    TC_CHECK(start->devices != NULL);
    for (size_t i = 0; i < start->device_count; i++) {
        const json_t *device = json_array_get(devices, i);
        const char *id = json_string_value(device);
        if (id == NULL || !id_is_valid(id, json_string_length(device)))
            fields_refuse(fields, "devices", "entry %zu: allowed: an ID, 1 to 64 of A-Z a-z 0-9 _ -", i + 1);
        else
            memcpy(start->devices[i], id, json_string_length(device));
    }
}

enum tc_error start_decode(const void *bytes, size_t length, struct start *start, struct tc_fault *fault)
{
    *start = (struct start){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    start->rollout = fields_integer(&fields, "rollout", 1, FIELDS_INTEGER_MAX);
    start->expires_ms = fields_time(&fields, "expires", FIELD_REQUIRED);
    read_devices(&fields, start);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        start_free(start);
    return error;
}

void start_encode(const struct start *start, struct buffer *out)
{
    char expires[TC_TIME_TEXT_SIZE];
    clock_format(start->expires_ms, expires);
    buffer_format(out, "{\"rollout\":%" PRId64 ",\"devices\":[", start->rollout);
    for (size_t i = 0; i < start->device_count; i++) { /* an ID needs no escape */
        buffer_put_text(out, i == 0 ? "\"" : ",\"");
        buffer_put_text(out, start->devices[i]);
        buffer_put_text(out, "\"");
    }
    buffer_format(out, "],\"expires\":\"%s\"}", expires);
}

void start_free(struct start *start)
{
    free(start->devices);
    *start = (struct start){0};
}
