#include "orchestrator/intake/http_target.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* Whether the text is valid UTF-8 without controls. */
static bool is_clean(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t width = utf8_character_length(text + at, length - at);
        if (width == 0 || utf8_is_control(text + at, width))
            return false;
        at += width;
    }
    return true;
}

/* Decodes a text in place. Returns false for an invalid escape, a control character or invalid UTF-8. */
static bool decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++, out++) {
        *out = *in;
        if (*in == '%') {
            int high = hex_digit(in[1]);
            int low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0)
                return false;
            *out = (char)(high * 16 + low);
            in += 2;
        }
        if (*out == '\0')
            return false;
    }
    *out = '\0';
    return is_clean(text, (size_t)(out - text));
}

static enum tc_error read_path(struct http_target *target, char *path, struct tc_fault *fault)
{
    if (*path != '/')
        return tc_fault_set(fault, TC_INVALID, "the request target must be a path");
    char *rest = path + 1;
    for (char *segment = strsep(&rest, "/"); segment != NULL; segment = strsep(&rest, "/")) {
        if (!decode(segment))
            return tc_fault_set(fault, TC_INVALID, "the path has an invalid escape or character");
        if (target->segment_count < HTTP_SEGMENTS_MAX)
            target->segments[target->segment_count] = segment;
        if (target->segment_count <= HTTP_SEGMENTS_MAX)
            target->segment_count++;
    }
    return TC_OK;
}

static enum tc_error read_query(struct http_target *target, char *query, struct tc_fault *fault)
{
    for (char *pair = strsep(&query, "&"); pair != NULL; pair = strsep(&query, "&")) {
        if (*pair == '\0')
            continue;
        char *value = pair;
        char *name = strsep(&value, "=");
        if (value == NULL)
            value = name + strlen(name);
        if (*name == '\0' || !decode(name) || !decode(value))
            return tc_fault_set(fault, TC_INVALID,
                                "the query has an invalid escape or character, or a parameter without a name");
        if (target->parameter_count == HTTP_PARAMETERS_MAX)
            return tc_fault_set(fault, TC_INVALID, "at most %d parameters are allowed", HTTP_PARAMETERS_MAX);
        target->parameters[target->parameter_count++] = (struct http_parameter){name, value};
    }
    return TC_OK;
}

/* A server must accept "http://host/path" as well (RFC 9112 section 3.2.2). */
static const char *skip_authority(const char *text)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(text, schemes[i], length) == 0)
            return text + length + strcspn(text + length, "/?");
    }
    return text;
}

enum tc_error http_target_parse(const char *text, struct http_target *target, struct tc_fault *fault)
{
    *target = (struct http_target){.memory = strdup(skip_authority(text))};
    TC_CHECK(target->memory != NULL);
    char *query = target->memory;
    char *path = strsep(&query, "?");
    enum tc_error error = read_path(target, path, fault);
    if (error == TC_OK && query != NULL)
        error = read_query(target, query, fault);
    return error;
}

void http_target_free(struct http_target *target)
{
    free(target->memory);
    *target = (struct http_target){0};
}

bool http_target_matches(const struct http_target *target, const char *pattern, const char **variable)
{
    *variable = "";
    size_t count = 0;
    while (*pattern == '/') {
        pattern++;
        size_t length = strcspn(pattern, "/");
        if (count >= target->segment_count || count >= HTTP_SEGMENTS_MAX)
            return false;
        const char *segment = target->segments[count++];
        if (*pattern == '{')
            *variable = **variable == '\0' ? segment : *variable;
        else if (strlen(segment) != length || memcmp(segment, pattern, length) != 0)
            return false;
        pattern += length;
    }
    return count == target->segment_count;
}

/* Finds a word in a list; in the list, a '+' may follow it. */
static bool is_in_list(const char *words, const char *word, bool *may_repeat)
{
    size_t length = strlen(word);
    while (*words != '\0') {
        size_t next = strcspn(words, " ");
        *may_repeat = next > 0 && words[next - 1] == '+';
        if (next - *may_repeat == length && memcmp(words, word, length) == 0)
            return true;
        words += next + (words[next] == ' ');
    }
    *may_repeat = false;
    return false;
}

enum tc_error http_target_check(const struct http_target *target, const char *allowed, struct tc_fault *fault)
{
    bool is_any = strcmp(allowed, "*") == 0, may_repeat;
    for (size_t i = 0; i < target->parameter_count; i++) {
        const struct http_parameter *parameter = &target->parameters[i];
        if (!is_in_list(allowed, parameter->name, &may_repeat) && !is_any)
            return tc_fault_set(fault, TC_INVALID, "unknown parameter \"%.64s\"; allowed: %s", parameter->name,
                                *allowed == '\0' ? "none" : allowed);
        if (*parameter->value == '\0' && !is_any)
            return tc_fault_set(fault, TC_INVALID, "%s: a value is missing", parameter->name);
        if (!may_repeat && http_target_text(target, parameter->name) != parameter->value)
            return tc_fault_set(fault, TC_INVALID, "duplicate parameter \"%.64s\"", parameter->name);
    }
    return TC_OK;
}

const char *http_target_text(const struct http_target *target, const char *name)
{
    for (size_t i = 0; i < target->parameter_count; i++) {
        if (strcmp(target->parameters[i].name, name) == 0)
            return target->parameters[i].value;
    }
    return NULL;
}

const char *http_target_next(const struct http_target *target, const char *name, size_t *place)
{
    while (*place < target->parameter_count) {
        const struct http_parameter *parameter = &target->parameters[(*place)++];
        if (strcmp(parameter->name, name) == 0)
            return parameter->value;
    }
    return NULL;
}

static bool read_number(const char *text, int64_t *value)
{
    if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (*value = 0; *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';
        if (*value > (INT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return *text == '\0';
}

bool http_read_id(const char *text, int64_t *id)
{
    return read_number(text, id) && *id > 0;
}

enum tc_error http_target_integer(const struct http_target *target, const char *name, int64_t minimum, int64_t maximum,
                                  int64_t *value, struct tc_fault *fault)
{
    const char *text = http_target_text(target, name);
    if (text == NULL)
        return TC_OK;
    int64_t number;
    if (!read_number(text, &number) || number < minimum || number > maximum)
        return tc_fault_set(fault, TC_INVALID, "%s: found \"%.64s\", allowed: %" PRId64 " to %" PRId64, name, text,
                            minimum, maximum);
    *value = number;
    return TC_OK;
}
