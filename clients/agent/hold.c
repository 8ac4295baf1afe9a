#include "clients/agent/hold.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 4096 };

/* Of the numbers in the file, so that none overflows: no clock comes so far. */
static const int64_t integer_max = INT64_C(1) << 53;

bool hold_stands(const struct hold *hold, int64_t boot_ms)
{
    return hold->ends_ms > boot_ms;
}

static int64_t lesser(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* The machine has restarted when its clock of this run is behind the one of the hold. In any case at least the time
 * since then, or since the start of the machine, has passed. */
int64_t hold_end(struct hold_clocks written, int64_t length_ms, struct hold_clocks now)
{
    int64_t ran_ms = now.boot_ms - written.boot_ms;
    int64_t passed_ms = ran_ms >= 0 ? ran_ms : now.boot_ms;
    int64_t left_ms = lesser(length_ms - passed_ms, written.time_ms + length_ms - now.time_ms);
    return now.boot_ms + left_ms;
}

static bool copy_text(const json_t *document, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(document, key));
    if (value == NULL)
        return false;
    (void)snprintf(text, size, "%.*s", (int)utf8_valid_length(value, strnlen(value, size - 1)), value);
    return true;
}

static bool read_integer(const json_t *document, const char *key, int64_t *value)
{
    const json_t *number = json_object_get(document, key);
    *value = json_integer_value(number);
    return json_is_integer(number) && *value >= 0 && *value <= integer_max;
}

static bool decode(const char *text, struct hold_clocks now, struct hold *hold)
{
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    struct hold_clocks written;
    int64_t length_ms;
    bool is_read = read_integer(document, "boot_ms", &written.boot_ms) &&
                   read_integer(document, "since_ms", &written.time_ms) &&
                   read_integer(document, "length_ms", &length_ms) && length_ms <= TECHNICIAN_HOLD_MAX_MS &&
                   copy_text(document, "reason", hold->reason, sizeof hold->reason) &&
                   copy_text(document, "person", hold->person, sizeof hold->person);
    json_decref(document);
    if (!is_read)
        return false;
    hold->since_ms = written.time_ms;
    hold->until_ms = written.time_ms + length_ms;
    hold->ends_ms = hold_end(written, length_ms, now);
    return true;
}

enum tc_error hold_read(const char *path, struct hold_clocks now, struct hold *hold, struct tc_fault *fault)
{
    struct buffer content = {0};
    *hold = (struct hold){0};
    enum tc_error error = file_read(path, FILE_SIZE_MAX, &content, fault);
    if (error == TC_NOT_FOUND)
        error = TC_OK;
    else if (error == TC_OK && !decode(buffer_text(&content), now, hold))
        error = tc_fault_set(fault, TC_INVALID, "%s: not a hold that this agent wrote", path);
    if (error != TC_OK || !hold_stands(hold, now.boot_ms))
        *hold = (struct hold){0};
    buffer_free(&content);
    return error;
}

enum tc_error hold_write(const char *path, int64_t length_ms, const char *reason, const char *person,
                         struct hold_clocks now, struct hold *hold, struct tc_fault *fault)
{
    struct hold made = {
        .since_ms = now.time_ms, .until_ms = now.time_ms + length_ms, .ends_ms = now.boot_ms + length_ms};
    size_t reason_length = utf8_valid_length(reason, strnlen(reason, sizeof made.reason - 1));
    (void)snprintf(made.reason, sizeof made.reason, "%.*s", (int)reason_length, reason);
    (void)snprintf(made.person, sizeof made.person, "%s", person);
    json_t *document =
        json_pack("{s:I, s:I, s:I, s:s, s:s}", "boot_ms", (json_int_t)now.boot_ms, "since_ms", (json_int_t)now.time_ms,
                  "length_ms", (json_int_t)length_ms, "reason", made.reason, "person", made.person);
    TC_CHECK(document != NULL);
    char *text = json_dumps(document, 0);
    TC_CHECK(text != NULL);
    json_decref(document);
    enum tc_error error = file_replace(path, text, strlen(text), 0600, fault);
    free(text);
    *hold = error == TC_OK ? made : (struct hold){0};
    return error;
}

enum tc_error hold_remove(const char *path, struct tc_fault *fault)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    return file_sync_folder_of(path, fault);
}
