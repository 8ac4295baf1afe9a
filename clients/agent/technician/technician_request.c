#include "clients/agent/technician/technician_request.h"

#include "base/utf8.h"
#include "topics/fields.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [TECHNICIAN_STATUS] = "status",
    [TECHNICIAN_HOLD] = "hold",
    [TECHNICIAN_RELEASE] = "release",
    [TECHNICIAN_RETRY_CONNECT] = "retry-connect",
};
enum { ORDER_COUNT = sizeof names / sizeof *names };

static void read_order(struct fields *fields, struct technician_request *request)
{
    const char *name = fields_string(fields, "do");
    for (int i = 0; i < ORDER_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            request->order = (enum technician_order)i;
            return;
        }
    }
    fields_refuse(fields, "do", "allowed: status, hold, release, retry-connect");
}

/* It is shown on terminals. */
static bool has_control(const char *text)
{
    for (size_t at = 0, length = strlen(text); at < length;) {
        size_t size = utf8_character_length(text + at, length - at);
        if (size == 0 || utf8_is_control(text + at, length - at))
            return true;
        at += size;
    }
    return false;
}

static void read_hold(struct fields *fields, struct technician_request *request)
{
    request->for_ms = fields_integer(fields, "for_ms", TECHNICIAN_HOLD_LEAST_MS, TECHNICIAN_HOLD_MAX_MS);
    fields_text(fields, "reason", FIELD_REQUIRED, request->reason, sizeof request->reason);
    if (request->reason[0] == '\0' || has_control(request->reason))
        fields_refuse(fields, "reason", "allowed: 1 to %d bytes without control characters", HELD_REASON_MAX);
}

enum tc_error technician_request_decode(const void *bytes, size_t length, struct technician_request *request,
                                        struct tc_fault *fault)
{
    struct fields fields;
    *request = (struct technician_request){0};
    fields_open(&fields, bytes, length, TECHNICIAN_REQUEST_SIZE_MAX, fault);
    read_order(&fields, request);
    if (request->order == TECHNICIAN_HOLD)
        read_hold(&fields, request);
    return fields_close(&fields);
}

/* Takes the reference of the document. */
static void put_document(json_t *document, struct buffer *out)
{
    TC_CHECK(document != NULL);
    char *text = json_dumps(document, JSON_COMPACT);
    TC_CHECK(text != NULL);
    buffer_put_text(out, text);
    free(text);
    json_decref(document);
}

void technician_request_encode(const struct technician_request *request, struct buffer *out)
{
    const char *name = names[request->order];
    put_document(request->order == TECHNICIAN_HOLD ? json_pack("{s:s, s:I, s:s}", "do", name, "for_ms",
                                                               (json_int_t)request->for_ms, "reason", request->reason)
                                                   : json_pack("{s:s}", "do", name),
                 out);
}

void technician_answer_encode(json_t *status, struct buffer *out)
{
    put_document(json_pack("{s:b, s:o}", "ok", 1, "status", status), out);
}

void technician_refusal_encode(const char *code, const char *detail, struct buffer *out)
{
    put_document(json_pack("{s:b, s:s, s:s}", "ok", 0, "code", code, "detail", detail), out);
}
