#include "clients/agent/verify.h"

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

/* What an unproven token says of itself. True when it names `device`. */
static bool peek(const char *device, const char *token, size_t length, struct instruction_claims *claims,
                 bool *knows_action)
{
    const char *payload = memchr(token, '.', length);
    const char *end = payload == NULL ? NULL : memchr(payload + 1, '.', (size_t)(token + length - payload - 1));
    if (end == NULL)
        return false;
    struct buffer text = {0};
    char addressee[TC_ID_SIZE] = "";
    enum tc_error error = TC_INVALID;
    if (base64url_read(payload + 1, (size_t)(end - payload - 1), &text)) {
        struct fields fields;
        fields_open(&fields, buffer_text(&text), text.length, TOKEN_SIZE_MAX, NULL);
        fields_id(&fields, "aud", FIELD_REQUIRED, addressee);
        claims->instruction = fields_integer(&fields, "instruction", 1, FIELDS_INTEGER_MAX);
        claims->attempt = (int32_t)fields_integer(&fields, "attempt", 1, INT32_MAX);
        bool is_known = action_parse(fields_string(&fields, "action"), &claims->action);
        error = fields_close(&fields);
        *knows_action = error != TC_OK || is_known;
    }
    buffer_free(&text);
    return error == TC_OK && strcmp(addressee, device) == 0;
}

bool verify_token(const struct trusted_keys *keys, const char *device, const void *token, size_t length,
                  struct instruction_claims *claims, struct refusal *refusal)
{
    *refusal = (struct refusal){0};
    struct tc_fault fault = {0};
    enum tc_error error = token_verify(keys, token, length, claims, &fault);
    if (error == TC_OK)
        return true;
    bool knows_action = true;
    if (length == 0 || !peek(device, token, length, claims, &knows_action))
        *claims = (struct instruction_claims){0};
    if (error == TC_DENIED)
        return refuse(refusal, "bad_signature", "%s", fault.text);
    return refuse(refusal, knows_action ? "malformed" : "unknown_action", "%s", fault.text);
}

bool verify_address(const struct instruction_claims *claims, const char *device, int64_t epoch_seen,
                    struct refusal *refusal)
{
    if (strcmp(claims->device, device) != 0)
        return refuse(refusal, "wrong_device", "it is for %s", claims->device);
    if (claims->epoch < epoch_seen)
        return refuse(refusal, "old_epoch", "its epoch is %" PRId64 ", the highest seen is %" PRId64, claims->epoch,
                      epoch_seen);
    return true;
}

bool verify_times(const struct instruction_claims *claims, int64_t now_ms, struct refusal *refusal)
{
    char now[TC_TIME_TEXT_SIZE], limit[TC_TIME_TEXT_SIZE];
    int64_t now_s = now_ms / MS_PER_SECOND;
    clock_format(now_ms, now);
    if (now_s + NOT_BEFORE_TOLERANCE_S < claims->not_before_s) {
        clock_format(claims->not_before_s * MS_PER_SECOND, limit);
        return refuse(refusal, "not_yet_valid", "it is %s, and it is valid from %s on", now, limit);
    }
    if (now_s >= claims->expires_s) {
        clock_format(claims->expires_s * MS_PER_SECOND, limit);
        return refuse(refusal, "expired", "it is %s, and it expired at %s", now, limit);
    }
    if (now_s >= claims->start_before_s) {
        clock_format(claims->start_before_s * MS_PER_SECOND, limit);
        return refuse(refusal, "window_missed", "it is %s, and it was to start before %s", now, limit);
    }
    return true;
}
