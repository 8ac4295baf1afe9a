#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tc_error_name(enum tc_error error)
{
    switch (error) {
    case TC_OK: return "ok";
    case TC_INVALID: return "invalid";
    case TC_NOT_FOUND: return "not_found";
    case TC_CONFLICT: return "conflict";
    case TC_DENIED: return "denied";
    case TC_TOO_LARGE: return "too_large";
    case TC_BUSY: return "busy";
    case TC_UNAVAILABLE: return "unavailable";
    case TC_TIMEOUT: return "timeout";
    case TC_NO_SPACE: return "no_space";
    case TC_NO_MEMORY: return "no_memory";
    case TC_INTERNAL: return "internal";
    }
    return "unknown";
}

bool tc_error_is_transient(enum tc_error error)
{
    return error == TC_BUSY || error == TC_UNAVAILABLE || error == TC_NO_SPACE;
}

enum tc_error tc_fault_set(struct tc_fault *fault, enum tc_error code, const char *format, ...)
{
    if (fault == NULL)
        return code;
    fault->code = code;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    return code;
}

enum tc_error tc_fault_context(struct tc_fault *fault, const char *format, ...)
{
    if (fault == NULL)
        return TC_INTERNAL;
    char text[2 * TC_FAULT_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(text, TC_FAULT_TEXT_SIZE, format, arguments);
    va_end(arguments);
    TC_CHECK(written >= 0);
    size_t length = strlen(text);
    (void)snprintf(text + length, sizeof text - length, ": %s", fault->text);
    memcpy(fault->text, text, sizeof fault->text - 1);
    fault->text[sizeof fault->text - 1] = '\0';
    return fault->code;
}

void tc_check_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
