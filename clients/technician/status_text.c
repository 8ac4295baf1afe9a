#include "clients/technician/status_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static int64_t integer_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void put_device(const json_t *status, struct buffer *out)
{
    buffer_format(out, "Device       %s, %s", text_of(status, "device"), text_of(status, "role"));
    if (text_of(status, "branch")[0] != '\0')
        buffer_format(out, " of branch %s", text_of(status, "branch"));
    buffer_format(out, "; agent %s\n", text_of(status, "agent"));
}

static void put_connection(const json_t *connection, struct buffer *out)
{
    const char *address = text_of(connection, "address"), *host = text_of(connection, "host");
    buffer_format(out, "Connection   %s: %s:%" PRId64, text_of(connection, "state"), host,
                  integer_of(connection, "port"));
    if (address[0] != '\0' && strcmp(address, host) != 0)
        buffer_format(out, " at %s", address);
    if (is_true(connection, "former"))
        buffer_put_text(out, ", the former listener");
    if (text_of(connection, "fault")[0] != '\0')
        buffer_format(out, "; %s", text_of(connection, "fault"));
    buffer_put_text(out, "\n");
}

static void put_clock(const json_t *clock, struct buffer *out)
{
    int64_t ahead_s = integer_of(clock, "wall_clock_ahead_s");
    buffer_format(out, "Clock        %s, %s", text_of(clock, "time"),
                  is_true(clock, "proven")  ? "proven by the orchestrator"
                  : is_true(clock, "known") ? "known from the orchestrator"
                                            : "not confirmed by the orchestrator");
    if (ahead_s != 0)
        buffer_format(out, "; the machine's clock is %" PRId64 " s %s", ahead_s < 0 ? -ahead_s : ahead_s,
                      ahead_s < 0 ? "behind" : "ahead");
    buffer_put_text(out, "\n");
}

static void put_certificate(const json_t *certificate, struct buffer *out)
{
    if (json_is_object(certificate))
        buffer_format(out, "Certificate  %s until %s\n", is_true(certificate, "valid") ? "valid" : "EXPIRED, was valid",
                      text_of(certificate, "valid_until"));
    else
        buffer_put_text(out, "Certificate  none\n");
}

static void put_hold(const json_t *hold, struct buffer *out)
{
    if (json_is_object(hold))
        buffer_format(out, "Hold         until %s, by %s: %s\n", text_of(hold, "until"), text_of(hold, "person"),
                      text_of(hold, "reason"));
    else
        buffer_put_text(out, "Hold         none\n");
}

static void put_action(const json_t *instruction, struct buffer *out)
{
    buffer_format(out, "%s", text_of(instruction, "action"));
    if (text_of(instruction, "artifact")[0] != '\0')
        buffer_format(out, " %s %s", text_of(instruction, "artifact"), text_of(instruction, "version"));
    buffer_format(out, ", instruction %" PRId64 ".%" PRId64, integer_of(instruction, "instruction"),
                  integer_of(instruction, "attempt"));
}

static void put_instructions(const json_t *status, struct buffer *out)
{
    const json_t *instruction = json_object_get(status, "instruction"), *last = json_object_get(status, "last");
    buffer_put_text(out, "Instruction  ");
    if (json_is_object(instruction)) {
        put_action(instruction, out);
        buffer_format(out, " of rollout %" PRId64, integer_of(instruction, "rollout"));
        if (json_is_integer(json_object_get(instruction, "progress")))
            buffer_format(out, ", %" PRId64 " %%", integer_of(instruction, "progress"));
        buffer_put_text(out, "\n");
    } else {
        buffer_put_text(out, "none\n");
    }
    if (!json_is_object(last))
        return;
    buffer_put_text(out, "Last one     ");
    put_action(last, out);
    buffer_format(out, ": %s", text_of(last, "state"));
    if (text_of(last, "code")[0] != '\0')
        buffer_format(out, ", %s", text_of(last, "code"));
    buffer_format(out, ", %s\n", text_of(last, "at"));
}

static void put_versions(const json_t *versions, struct buffer *out)
{
    const char *name;
    const json_t *version;
    const char *before = "Installed    ";
    json_object_foreach((json_t *)(uintptr_t)versions, name, version)
    {
        buffer_format(out, "%s%s %s", before, name, json_is_string(version) ? json_string_value(version) : "?");
        before = ", ";
    }
    if (json_object_size(versions) > 0)
        buffer_put_text(out, "\n");
}

static void put_reasons(const json_t *status, struct buffer *out)
{
    const char *before = "Now          ";
    size_t index;
    const json_t *reason;
    json_array_foreach(json_object_get(status, "reasons"), index, reason)
    {
        buffer_format(out, "%s%s\n", before, text_of(reason, "text"));
        before = "             ";
    }
    if (integer_of(status, "unconfirmed_reports") > 0)
        buffer_format(out, "%s%" PRId64 " reports wait for the orchestrator's confirmation\n", before,
                      integer_of(status, "unconfirmed_reports"));
}

void status_text_put(const json_t *status, struct buffer *out)
{
    put_device(status, out);
    put_connection(json_object_get(status, "connection"), out);
    put_clock(json_object_get(status, "clock"), out);
    put_certificate(json_object_get(status, "certificate"), out);
    put_hold(json_object_get(status, "hold"), out);
    put_instructions(status, out);
    put_versions(json_object_get(status, "versions"), out);
    put_reasons(status, out);
}
