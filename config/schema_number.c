/* The readers of numbers and times. */
#include "base/clock.h"
#include "config/scalar.h"
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

static json_t *checked(json_t *value)
{
    TC_CHECK(value != NULL);
    return value;
}

static json_t *integer_value(int64_t value)
{
    return checked(json_integer(value));
}

static bool in_bounds(const struct schema_key *key, int64_t value)
{
    return value >= key->least && value <= key->most;
}

/* True for values that may have quotes, such as durations and times. */
static bool is_text(const struct tree_node *node)
{
    return node->kind == TREE_TEXT && !tree_is_null(node);
}

/* True for values that must have no quotes, such as integers. */
static bool is_bare(const struct tree_node *node)
{
    return is_text(node) && node->plain;
}

/* 7, or 7.0, which is the same number in JSON. */
static bool read_whole(const char *text, int64_t *value)
{
    char whole[SCALAR_TEXT_SIZE];
    size_t length = strcspn(text, ".");
    const char *zeros = text + length + 1;
    if (text[length] == '\0')
        return scalar_read_integer(text, value);
    if (length >= sizeof whole || *zeros == '\0' || zeros[strspn(zeros, "0")] != '\0')
        return false;
    (void)snprintf(whole, sizeof whole, "%.*s", (int)length, text);
    return scalar_read_integer(whole, value);
}

json_t *schema_read_integer(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    int64_t value;
    if (!is_bare(node) || !read_whole(node->text, &value) || !in_bounds(key, value))
        return schema_fault_value(reading, node, "an integer, %lld to %lld", (long long)key->least,
                                  (long long)key->most);
    return integer_value(value);
}

json_t *schema_read_boolean(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    bool value;
    if (!is_bare(node) || !scalar_read_boolean(node->text, &value))
        return schema_fault_value(reading, node, "true or false");
    return checked(json_boolean(value));
}

json_t *schema_read_duration(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    int64_t duration_ms;
    bool read = is_text(node) && scalar_read_duration(node->text, &duration_ms);
    if (!read || duration_ms % MS_PER_SECOND != 0 || !in_bounds(key, duration_ms / MS_PER_SECOND)) {
        char least[SCALAR_TEXT_SIZE], most[SCALAR_TEXT_SIZE];
        scalar_write_duration(key->least * MS_PER_SECOND, least);
        scalar_write_duration(key->most * MS_PER_SECOND, most);
        return schema_fault_value(reading, node, "a duration of whole seconds such as 15s, 10m, 3h or 2d, %s to %s",
                                  least, most);
    }
    return integer_value(duration_ms / MS_PER_SECOND);
}

json_t *schema_read_size(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    int64_t size_bytes;
    if (!is_text(node) || !scalar_read_size(node->text, &size_bytes) || !in_bounds(key, size_bytes)) {
        char least[SCALAR_TEXT_SIZE], most[SCALAR_TEXT_SIZE];
        scalar_write_size(key->least, least);
        scalar_write_size(key->most, most);
        return schema_fault_value(reading, node, "a size such as 431996928, 64KiB, 412MiB or 2GiB, %s to %s bytes",
                                  least, most);
    }
    return integer_value(size_bytes);
}

/* 2 or 2.5, never 2.0, so that equal amounts have one text. */
static json_t *parts_value(int64_t parts)
{
    if (parts % PERCENT_PARTS == 0)
        return integer_value(parts / PERCENT_PARTS);
    return checked(json_real((double)parts / (double)PERCENT_PARTS));
}

json_t *schema_read_percentage(struct schema_reading *reading, const struct schema_key *key,
                               const struct tree_node *node)
{
    int64_t parts;
    if (!is_text(node) || !scalar_read_percentage(node->text, &parts) || !in_bounds(key, parts))
        return schema_fault_value(reading, node, "a percentage such as 5 or 2.5%%, %s 0 to %lld",
                                  key->least > 0 ? "over" : "from", (long long)(key->most / PERCENT_PARTS));
    return parts_value(parts);
}

json_t *schema_read_amount(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    int64_t parts;
    bool percentage = is_text(node) && node->text[node->length - (node->length > 0)] == '%';
    if (percentage && scalar_read_percentage(node->text, &parts) && parts > 0)
        return checked(json_pack("{s:o}", "percentage", parts_value(parts)));
    int64_t count;
    if (!is_bare(node) || !scalar_read_integer(node->text, &count) || !in_bounds(key, count))
        return schema_fault_value(reading, node, "an integer, %lld to %lld, or a percentage such as 25%%",
                                  (long long)key->least, (long long)key->most);
    return integer_value(count);
}

json_t *schema_read_decimal(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    int64_t parts;
    bool sign = node->kind == TREE_TEXT && node->length > 0 && node->text[node->length - 1] == '%';
    if (!is_bare(node) || sign || !scalar_read_percentage(node->text, &parts) || !in_bounds(key, parts))
        return schema_fault_value(reading, node, "a number such as 2 or 1.5, %.4g to %.4g",
                                  (double)key->least / (double)PERCENT_PARTS,
                                  (double)key->most / (double)PERCENT_PARTS);
    return parts_value(parts);
}

static json_t *time_value(int64_t time_ms)
{
    char text[TC_TIME_TEXT_SIZE];
    clock_format(time_ms, text);
    return checked(json_string(text));
}

json_t *schema_read_time(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    int64_t time_ms;
    if (!is_text(node) || !clock_parse(node->text, node->length, &time_ms))
        return schema_fault_value(reading, node, "a time with its offset such as 2026-12-01T00:00:00Z");
    return time_value(time_ms);
}

json_t *schema_read_date_or_time(struct schema_reading *reading, const struct schema_key *key,
                                 const struct tree_node *node)
{
    (void)key;
    int64_t time_ms;
    if (is_text(node) && scalar_read_date(node->text, &time_ms))
        return checked(json_string(node->text));
    if (!is_text(node) || !clock_parse(node->text, node->length, &time_ms))
        return schema_fault_value(reading, node, "a date such as 2026-12-08, or a time such as 2026-12-08T18:00:00Z");
    return time_value(time_ms);
}

json_t *schema_read_weekday(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    int weekday;
    if (!is_text(node) || !scalar_read_weekday(node->text, &weekday))
        return schema_fault_value(reading, node, "one of mon, tue, wed, thu, fri, sat, sun");
    return integer_value(weekday);
}

json_t *schema_read_time_of_day(struct schema_reading *reading, const struct schema_key *key,
                                const struct tree_node *node)
{
    (void)key;
    int minutes;
    if (!is_text(node) || !scalar_read_time_of_day(node->text, &minutes))
        return schema_fault_value(reading, node, "a time of the day, \"00:00\" to \"23:59\"");
    return checked(json_string(node->text));
}
