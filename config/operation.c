#include "config/operation.h"

#include "base/utf8.h"
#include "config/scalar.h"
#include "config/schema.h"
#include "config/scope_text.h"
#include "config/tree.h"

#include <stdio.h>
#include <string.h>

bool operation_reason_is_valid(const char *text)
{
    size_t left = strlen(text), characters = 0;
    bool is_blank = true;
    for (size_t width; left > 0; text += width, left -= width, characters++) {
        width = utf8_character_length(text, left);
        if (width == 0 || utf8_is_control(text, width))
            return false;
        is_blank &= *text == ' ';
    }
    return !is_blank && characters <= OPERATION_REASON_CHARACTERS;
}

/* In JSON a number or a boolean is no text. */
static bool is_text(const struct tree_node *node)
{
    bool truth;
    if (node->kind != TREE_TEXT || tree_is_null(node))
        return false;
    return !node->plain || !(scalar_is_number(node->text) || scalar_read_boolean(node->text, &truth));
}

json_t *operation_read_reason(struct schema_reading *reading, const struct schema_key *key,
                              const struct tree_node *node)
{
    (void)key;
    if (!is_text(node) || !operation_reason_is_valid(node->text))
        return schema_fault_value(reading, node, "a reason of 1 to %d characters in one line, not blank",
                                  OPERATION_REASON_CHARACTERS);
    json_t *reason = json_string(node->text);
    TC_CHECK(reason != NULL);
    return reason;
}

json_t *operation_read_name(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (node->kind == TREE_TEXT && !is_text(node))
        return schema_fault_value(reading, node, "the name of a %s; a number or a boolean in quotes", key->allowed);
    return schema_read_name(reading, key, node);
}

static json_t *read_device(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (node->kind == TREE_TEXT && !is_text(node))
        return schema_fault_value(reading, node, "the ID of a device; a number or a boolean in quotes");
    return schema_read_name(reading, key, node);
}

json_t *operation_read_match(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    struct buffer scope = {0};
    struct tc_fault fault;
    json_t *text = schema_read_text(reading, key, node);
    if (text != NULL && scope_text_parse(json_string_value(text), &scope, &fault) != TC_OK) {
        json_decref(text);
        text = schema_fault_value(reading, node, "labels such as region=emea,apac;site=branch: %s", fault.text);
    }
    buffer_free(&scope);
    return text;
}

static const struct schema_key version_keys[] = {
    {.name = "version", .read = schema_read_integer, .least = 1, .most = INT64_MAX},
    {.name = "reason", .read = operation_read_reason},
};
static const struct schema_key digest_keys[] = {
    {.name = "digest", .read = schema_read_sha256},
    {.name = "reason", .read = operation_read_reason},
    {.name = "group", .read = operation_read_name, .allowed = "group", .initial = SCHEMA_NOTHING},
};
static const struct schema_key group_keys[] = {
    {.name = "version", .read = schema_read_integer, .least = 1, .most = INT64_MAX},
    {.name = "reason", .read = operation_read_reason},
    {.name = "group", .read = operation_read_name, .allowed = "group"},
};
static const struct schema_key scope_keys[] = {
    {.name = "version", .read = schema_read_integer, .least = 1, .most = INT64_MAX},
    {.name = "reason", .read = operation_read_reason},
    {.name = "match", .read = operation_read_match, .least = 1, .most = OPERATION_MATCH_MAX},
};
static const struct schema_key device_keys[] = {
    {.name = "version", .read = schema_read_integer, .least = 1, .most = INT64_MAX},
    {.name = "reason", .read = operation_read_reason},
    {.name = "device", .read = read_device},
};
static const struct schema_key reason_keys[] = {
    {.name = "reason", .read = operation_read_reason},
};
static const struct schema_key file_keys[] = {
    {.name = "file", .read = operation_read_name, .allowed = "file"},
    {.name = "reason", .read = operation_read_reason},
};
static const struct schema forms[] = {
    [OPERATION_ON_VERSION] = {version_keys, sizeof version_keys / sizeof *version_keys},
    [OPERATION_ON_DIGEST] = {digest_keys, sizeof digest_keys / sizeof *digest_keys},
    [OPERATION_ON_AMENDMENT] = {digest_keys, sizeof digest_keys / sizeof *digest_keys - 1},
    [OPERATION_ON_GROUP] = {group_keys, sizeof group_keys / sizeof *group_keys},
    [OPERATION_ON_FILE] = {file_keys, sizeof file_keys / sizeof *file_keys},
    [OPERATION_ON_SCOPE] = {scope_keys, sizeof scope_keys / sizeof *scope_keys},
    [OPERATION_ON_DEVICE] = {device_keys, sizeof device_keys / sizeof *device_keys},
    [OPERATION_BY_REASON] = {reason_keys, sizeof reason_keys / sizeof *reason_keys},
};

static void take_text(const json_t *object, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    (void)snprintf(text, size, "%s", value == NULL ? "" : value);
}

enum tc_error operation_parse(enum operation_form form, const char *bytes, size_t length, struct operation_words *words,
                              struct document_faults *faults)
{
    *words = (struct operation_words){0};
    struct tree *tree = tree_parse(bytes, length, faults);
    if (tree == NULL)
        return TC_INVALID;
    const struct schema_key document = {.map = &forms[form]};
    struct schema_reading reading = {.faults = faults};
    json_t *object = schema_read_map(&reading, &document, tree->root);
    if (faults->total == 0) {
        words->version = json_integer_value(json_object_get(object, "version"));
        take_text(object, "digest", words->digest, sizeof words->digest);
        take_text(object, "group", words->group, sizeof words->group);
        take_text(object, "file", words->file, sizeof words->file);
        take_text(object, "match", words->match, sizeof words->match);
        take_text(object, "device", words->device, sizeof words->device);
        take_text(object, "reason", words->reason, sizeof words->reason);
    }
    json_decref(object);
    tree_free(tree);
    document_faults_sort(faults);
    return faults->total == 0 ? TC_OK : TC_INVALID;
}
