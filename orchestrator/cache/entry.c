#include "orchestrator/cache/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t cache_entry_write(const struct cached_instruction *instruction, char text[static CACHE_ENTRY_SIZE])
{
    int length = snprintf(text, CACHE_ENTRY_SIZE, "%c %" PRId64 " %" PRId64 " %" PRId32 " %" PRId64 " %" PRId64 " %s",
                          instruction->out_of_service ? '2' : '1', instruction->instruction, instruction->rollout,
                          instruction->attempt, instruction->epoch, instruction->start_before_s,
                          device_role_name(instruction->role));
    TC_CHECK(length > 0 && length < CACHE_ENTRY_SIZE);
    return (size_t)length;
}

struct reader {
    const char *at, *end;
};

/* Reads a non-negative number as printf writes it, and the space behind it. */
static bool read_number(struct reader *reader, int64_t most, int64_t *number)
{
    const char *first = reader->at;
    int64_t value = 0;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
        int digit = *reader->at - '0';
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    size_t digits = (size_t)(reader->at - first);
    bool canonical = digits > 0 && (digits == 1 || *first != '0');
    if (!canonical || reader->at == reader->end || *reader->at != ' ')
        return false;
    reader->at++;
    *number = value;
    return true;
}

static bool read_role(const struct reader *reader, enum device_role *role)
{
    char name[16];
    size_t length = (size_t)(reader->end - reader->at);
    if (length >= sizeof name || memchr(reader->at, '\0', length) != NULL)
        return false;
    memcpy(name, reader->at, length);
    name[length] = '\0';
    return device_role_parse(name, role);
}

bool cache_entry_read(const char *text, size_t length, struct cached_instruction *instruction)
{
    struct reader reader = {text, text + length};
    struct cached_instruction read = *instruction;
    int64_t version, attempt;
    if (!read_number(&reader, 2, &version) || version < 1 || version > 2 ||
        !read_number(&reader, INT64_MAX, &read.instruction) || !read_number(&reader, INT64_MAX, &read.rollout) ||
        !read_number(&reader, INT32_MAX, &attempt) || !read_number(&reader, INT64_MAX, &read.epoch) ||
        !read_number(&reader, INT64_MAX, &read.start_before_s) || !read_role(&reader, &read.role))
        return false;
    read.attempt = (int32_t)attempt;
    read.out_of_service = version == 2;
    *instruction = read;
    return true;
}

bool cached_instruction_equals(const struct cached_instruction *one, const struct cached_instruction *other)
{
    return strcmp(one->device, other->device) == 0 && one->instruction == other->instruction &&
           one->rollout == other->rollout && one->attempt == other->attempt && one->epoch == other->epoch &&
           one->start_before_s == other->start_before_s && one->role == other->role &&
           one->out_of_service == other->out_of_service;
}
