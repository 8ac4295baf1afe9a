#include "topics/fields.h"

#include "base/clock.h"
#include "base/id.h"
#include "topics/message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FOUND_SIZE = 64, FOUND_TEXT_MAX = 40 };

static bool brackets_at_most(const char *bytes, size_t length, char bracket, int max)
{
    const char *end = bytes + length;
    int opened = 0;
    while (opened <= max && bytes < end && (bytes = memchr(bytes, bracket, (size_t)(end - bytes))) != NULL) {
        opened++;
        bytes++;
    }
    return opened <= max;
}

/* jansson's own limit is 2048 levels, and each is a call on the stack. */
static bool is_too_deep(const char *bytes, size_t length)
{
    /* Most messages have fewer brackets than allowed levels, even counting strings; this check is faster. */
    if (brackets_at_most(bytes, length, '{', FIELDS_DEPTH_MAX / 2) &&
        brackets_at_most(bytes, length, '[', FIELDS_DEPTH_MAX / 2))
        return false;

    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (depth > FIELDS_DEPTH_MAX)
            return true;
    }
    return false;
}

static void refuse_document(struct fields *fields, const json_error_t *found)
{
    /* The text after " near " quotes the input and may be cut inside a character. */
    const char *near = strstr(found->text, " near ");
    int length = near == NULL ? (int)strlen(found->text) : (int)(near - found->text);
    fields->error =
        tc_fault_set(fields->fault, TC_INVALID, "not JSON at byte %d: %.*s", found->position, length, found->text);
}

void fields_open(struct fields *fields, const void *bytes, size_t length, size_t max_bytes, struct tc_fault *fault)
{
    *fields = (struct fields){.fault = fault};
    if (length > max_bytes) {
        fields->error = tc_fault_set(fault, TC_TOO_LARGE, "found %zu bytes, allowed: at most %zu", length, max_bytes);
        return;
    }
    if (is_too_deep(bytes, length)) {
        fields->error = tc_fault_set(fault, TC_INVALID, "nested deeper than the %d levels allowed", FIELDS_DEPTH_MAX);
        return;
    }
    json_error_t found;
    fields->object = json_loadb(length == 0 ? "" : bytes, length, JSON_REJECT_DUPLICATES, &found);
    if (fields->object == NULL)
        refuse_document(fields, &found);
    else if (!json_is_object(fields->object))
        fields->error = tc_fault_set(fault, TC_INVALID, "found an array, allowed: an object");
}

enum tc_error fields_close(struct fields *fields)
{
    json_decref(fields->object);
    fields->object = NULL;
    return fields->error;
}

void fields_enter(struct fields *outer, const char *name, struct fields *inner)
{
    *inner = (struct fields){.fault = outer->fault, .error = outer->error, .parent = name};
    inner->object = fields_object(outer, name, FIELD_REQUIRED);
    inner->error = outer->error;
}

void fields_leave(struct fields *inner, struct fields *outer)
{
    outer->error = fields_close(inner);
}

void fields_refuse(struct fields *fields, const char *name, const char *format, ...)
{
    if (fields->error != TC_OK)
        return;
    char text[TC_FAULT_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fields->error = tc_fault_set(fields->fault, TC_INVALID, "%s%s%s: %s", fields->parent == NULL ? "" : fields->parent,
                                 fields->parent == NULL ? "" : ".", name, text);
}

/* Returns a short form of the value for a fault. */
static const char *describe(const json_t *value, char found[static FOUND_SIZE])
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    case JSON_REAL: (void)snprintf(found, FOUND_SIZE, "%g, not an integer", json_real_value(value)); break;
    case JSON_INTEGER: (void)snprintf(found, FOUND_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_STRING:
        (void)snprintf(found, FOUND_SIZE, "\"%.*s\"", FOUND_TEXT_MAX, json_string_value(value));
        for (char *c = found; *c != '\0'; c++) {
            if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
                *c = '?';
        }
        break;
    }
    return found;
}

static void refuse_value(struct fields *fields, const char *name, const json_t *value, const char *allowed)
{
    char found[FOUND_SIZE];
    fields_refuse(fields, name, "found %s, allowed: %s", describe(value, found), allowed);
}

/* The field's value, or NULL: it was left out (a fault when it is required), or there was a fault. */
static json_t *get_value(struct fields *fields, const char *name, enum field_rule rule)
{
    if (fields->error != TC_OK)
        return NULL;
    json_t *value = json_object_get(fields->object, name);
    if (value == NULL && rule == FIELD_REQUIRED)
        fields_refuse(fields, name, "is missing");
    return value;
}

bool fields_has(const struct fields *fields, const char *name)
{
    return fields->error == TC_OK && json_object_get(fields->object, name) != NULL;
}

static int64_t integer_of(struct fields *fields, const char *name, const json_t *value, int64_t min, int64_t max)
{
    if (json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max)
        return json_integer_value(value);
    char allowed[FOUND_SIZE];
    (void)snprintf(allowed, sizeof allowed, "an integer, %" PRId64 " to %" PRId64, min, max);
    refuse_value(fields, name, value, allowed);
    return 0;
}

int64_t fields_integer(struct fields *fields, const char *name, int64_t min, int64_t max)
{
    const json_t *value = get_value(fields, name, FIELD_REQUIRED);
    return value == NULL ? 0 : integer_of(fields, name, value, min, max);
}

int64_t fields_integer_or(struct fields *fields, const char *name, int64_t min, int64_t max, int64_t default_value)
{
    const json_t *value = get_value(fields, name, FIELD_OPTIONAL);
    return value == NULL ? default_value : integer_of(fields, name, value, min, max);
}

static bool boolean_of(struct fields *fields, const char *name, const json_t *value)
{
    if (!json_is_boolean(value))
        refuse_value(fields, name, value, "true or false");
    return json_is_true(value);
}

bool fields_boolean(struct fields *fields, const char *name)
{
    const json_t *value = get_value(fields, name, FIELD_REQUIRED);
    return value == NULL ? false : boolean_of(fields, name, value);
}

bool fields_boolean_or(struct fields *fields, const char *name, bool default_value)
{
    const json_t *value = get_value(fields, name, FIELD_OPTIONAL);
    return value == NULL ? default_value : boolean_of(fields, name, value);
}

static const char *string_of(struct fields *fields, const char *name, const json_t *value)
{
    if (json_is_string(value))
        return json_string_value(value);
    refuse_value(fields, name, value, "a string");
    return "";
}

const char *fields_string(struct fields *fields, const char *name)
{
    const json_t *value = get_value(fields, name, FIELD_REQUIRED);
    return value == NULL ? "" : string_of(fields, name, value);
}

void fields_text(struct fields *fields, const char *name, enum field_rule rule, char *text, size_t size)
{
    text[0] = '\0';
    const json_t *value = get_value(fields, name, rule);
    const char *found = value == NULL ? "" : string_of(fields, name, value);
    size_t length = strlen(found);
    if (length >= size)
        fields_refuse(fields, name, "found %zu bytes, allowed: at most %zu", length, size - 1);
    else
        memcpy(text, found, length + 1);
}

static void read_valid(struct fields *fields, const char *name, enum field_rule rule,
                       bool (*is_valid)(const char *, size_t), const char *allowed, char *text)
{
    fields_text(fields, name, rule, text, TC_ID_SIZE);
    if (fields->error != TC_OK || is_valid(text, strlen(text)) || (text[0] == '\0' && rule == FIELD_OPTIONAL))
        return;
    refuse_value(fields, name, json_object_get(fields->object, name), allowed);
    text[0] = '\0';
}

void fields_id(struct fields *fields, const char *name, enum field_rule rule, char *id)
{
    read_valid(fields, name, rule, id_is_valid, "1 to 64 of A-Z a-z 0-9 _ -", id);
}

void fields_name(struct fields *fields, const char *name, enum field_rule rule, char *text)
{
    read_valid(fields, name, rule, name_is_valid, "1 to 64 of A-Z a-z 0-9 _ - and, after the first, . : +", text);
}

int64_t fields_time(struct fields *fields, const char *name, enum field_rule rule)
{
    const json_t *value = get_value(fields, name, rule);
    if (value == NULL)
        return 0;
    int64_t time_ms = 0;
    const char *text = string_of(fields, name, value);
    if (fields->error == TC_OK && !clock_parse(text, strlen(text), &time_ms))
        refuse_value(fields, name, value, "a time of RFC 3339 in the years 1970 to 9999");
    return fields->error == TC_OK ? time_ms : 0;
}

json_t *fields_object(struct fields *fields, const char *name, enum field_rule rule)
{
    json_t *value = get_value(fields, name, rule);
    if (value != NULL && !json_is_object(value)) {
        refuse_value(fields, name, value, "an object");
        return NULL;
    }
    return json_incref(value);
}

json_t *fields_array(struct fields *fields, const char *name, size_t min, size_t max)
{
    json_t *value = get_value(fields, name, FIELD_REQUIRED);
    if (value == NULL)
        return NULL;
    if (!json_is_array(value)) {
        refuse_value(fields, name, value, "an array");
        return NULL;
    }
    if (json_array_size(value) < min || json_array_size(value) > max) {
        fields_refuse(fields, name, "found %zu entries, allowed: %zu to %zu", json_array_size(value), min, max);
        return NULL;
    }
    return value;
}

static bool is_name(const json_t *value)
{
    return json_is_string(value) && name_is_valid(json_string_value(value), json_string_length(value));
}

json_t *fields_versions(struct fields *fields, const char *name)
{
    json_t *versions = fields_object(fields, name, FIELD_OPTIONAL);
    if (versions == NULL)
        return NULL;
    if (json_object_size(versions) > VERSIONS_MAX)
        fields_refuse(fields, name, "found %zu entries, allowed: at most %d", json_object_size(versions), VERSIONS_MAX);
    const char *key;
    json_t *version;
    json_object_foreach(versions, key, version)
    {
        if (!name_is_valid(key, strlen(key)))
            fields_refuse(fields, name,
                          "the name of an artifact must be 1 to 64 of A-Z a-z 0-9 _ - and, after the first, . : +");
        else if (!is_name(version))
            refuse_value(fields, name, version, "a version, 1 to 64 of A-Z a-z 0-9 _ - and, after the first, . : +");
    }
    if (fields->error == TC_OK)
        return versions;
    json_decref(versions);
    return NULL;
}

json_t *fields_versions_or_none(struct fields *fields, const char *name, char *why, size_t size)
{
    struct tc_fault fault = {0};
    struct fields copy = *fields;
    copy.fault = &fault;
    json_t *versions = fields_versions(&copy, name);
    (void)snprintf(why, size, "%.*s", (int)size - 1, fields->error == copy.error ? "" : fault.text);
    return versions;
}
