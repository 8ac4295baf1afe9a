#include "clients/agent/action/verify.h"

#include "base/clock.h"
#include "topics/base64url.h"
#include "topics/fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MS_PER_SECOND = 1000, NOT_BEFORE_TOLERANCE_S = 60 };

bool refuse(struct refusal *refusal, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)snprintf(refusal->code, sizeof refusal->code, "%s", code);
    (void)vsnprintf(refusal->detail, sizeof refusal->detail, format, arguments);
    va_end(arguments);
    return false;
}

/* Reads the claims of an unproven token. True when it names `device`. */
static bool read_unproven(const char *device, const char *token, size_t length, struct instruction_payload *payload,
                          bool *knows_action)
{
    const char *encoded = memchr(token, '.', length);
    const char *end = encoded == NULL ? NULL : memchr(encoded + 1, '.', (size_t)(token + length - encoded - 1));
    if (end == NULL)
        return false;
    struct buffer text = {0};
    char addressee[TC_ID_SIZE] = "";
    enum tc_error error = TC_INVALID;
    if (base64url_read(encoded + 1, (size_t)(end - encoded - 1), &text)) {
        struct fields fields;
        fields_open(&fields, buffer_text(&text), text.length, TOKEN_SIZE_MAX, NULL);
        fields_id(&fields, "aud", FIELD_REQUIRED, addressee);
        payload->instruction = fields_integer(&fields, "instruction", 1, FIELDS_INTEGER_MAX);
        payload->attempt = (int32_t)fields_integer(&fields, "attempt", 1, INT32_MAX);
        bool is_known = action_parse(fields_string(&fields, "action"), &payload->action);
        error = fields_close(&fields);
        *knows_action = error != TC_OK || is_known;
    }
    buffer_free(&text);
    return error == TC_OK && strcmp(addressee, device) == 0;
}

bool verify_token(const struct trusted_keys *keys, const char *device, const void *token, size_t length,
                  struct instruction_payload *payload, struct refusal *refusal)
{
    *refusal = (struct refusal){0};
    struct tc_fault fault = {0};
    enum tc_error error = token_verify(keys, token, length, payload, &fault);
    if (error == TC_OK)
        return true;
    bool knows_action = true;
    if (length == 0 || !read_unproven(device, token, length, payload, &knows_action))
        *payload = (struct instruction_payload){0};
    if (error == TC_DENIED)
        return refuse(refusal, "bad_signature", "%s", fault.text);
    return refuse(refusal, knows_action ? "malformed" : "unknown_action", "%s", fault.text);
}

int64_t epoch_max(int64_t seen)
{
    return seen == 0 ? EPOCH_FIRST_MAX : seen + EPOCH_RISE_MAX;
}

bool verify_address(const struct instruction_payload *payload, const char *device, const struct epoch_range *epochs,
                    struct refusal *refusal)
{
    if (strcmp(payload->device, device) != 0)
        return refuse(refusal, "wrong_device", "addressed to %s", payload->device);
    if (payload->epoch < epochs->seen)
        return refuse(refusal, "old_epoch", "epoch %" PRId64 ", the highest seen is %" PRId64, payload->epoch,
                      epochs->seen);
    if (payload->epoch > epochs->max)
        return refuse(refusal, "epoch_jump",
                      "epoch %" PRId64 ", the highest seen is %" PRId64 ", allowed: at most %" PRId64, payload->epoch,
                      epochs->seen, epochs->max);
    return true;
}

bool verify_times(const struct instruction_payload *payload, int64_t now_ms, struct refusal *refusal)
{
    char now[TC_TIME_TEXT_SIZE], limit[TC_TIME_TEXT_SIZE];
    int64_t now_s = now_ms / MS_PER_SECOND;
    clock_format(now_ms, now);
    if (now_s + NOT_BEFORE_TOLERANCE_S < payload->not_before_s) {
        clock_format(payload->not_before_s * MS_PER_SECOND, limit);
        return refuse(refusal, "not_yet_valid", "it is %s; the instruction is valid from %s", now, limit);
    }
    if (now_s >= payload->expires_s) {
        clock_format(payload->expires_s * MS_PER_SECOND, limit);
        return refuse(refusal, "expired", "it is %s; the instruction expired at %s", now, limit);
    }
    if (now_s >= payload->start_before_s) {
        clock_format(payload->start_before_s * MS_PER_SECOND, limit);
        return refuse(refusal, "window_missed", "it is %s; the instruction had to start before %s", now, limit);
    }
    return true;
}
