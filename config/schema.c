#include "config/schema.h"

#include "config/suggestion.h"
#include "config/text_set.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DETAIL_SIZE = 256 };

void schema_fault(struct schema_reading *reading, const struct tree_node *node, const char *format, ...)
{
    char detail[DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    document_fault_add(reading->faults, node->line, node->column, reading->path.text, "%s", detail);
}

json_t *schema_fault_value(struct schema_reading *reading, const struct tree_node *node, const char *format, ...)
{
    if (node->kind == TREE_REFUSED) {
        reading->refused = true;
        return NULL;
    }
    char found[TREE_DESCRIPTION_SIZE], allowed[DETAIL_SIZE];
    tree_describe(node, found);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(allowed, sizeof allowed, format, arguments);
    va_end(arguments);
    schema_fault(reading, node, "found %s, allowed: %s", found, allowed);
    return NULL;
}

static void fault_unknown_keys(struct schema_reading *reading, const struct schema *schema, const struct tree_node *map)
{
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        struct suggestion suggestion = {.found = node->key};
        bool known = false;
        for (size_t i = 0; i < schema->count && !known; i++) {
            known = strcmp(schema->keys[i].name, node->key) == 0;
            suggestion_offer(&suggestion, schema->keys[i].name);
        }
        if (known)
            continue;
        size_t above = key_path_add_key(&reading->path, node->key);
        bool near = suggestion.nearest != NULL;
        document_fault_add(reading->faults, node->key_line, node->key_column, reading->path.text, "unknown key%s%s%s",
                           near ? "; did you mean " : "", near ? suggestion.nearest : "", near ? "?" : "");
        key_path_cut(&reading->path, above);
    }
}

static json_t *read_left_out(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *map)
{
    if (key->initial == SCHEMA_REQUIRED) {
        schema_fault(reading, map, "is required");
        return NULL;
    }
    if (key->later || strcmp(key->initial, SCHEMA_NOTHING) == 0)
        return NULL;
    if (strcmp(key->initial, SCHEMA_DEFAULTS) == 0) {
        struct tree_node empty = {.kind = TREE_MAP, .line = map->line, .column = map->column};
        return key->read(reading, key, &empty);
    }
    json_t *value = json_loads(key->initial, JSON_DECODE_ANY, NULL);
    TC_CHECK(value != NULL);
    return value;
}

/* Omits an initial value, so that two plans with the same meaning have one canonical form. */
static json_t *leave_out_initial(const struct schema_key *key, json_t *value)
{
    json_t *initial = json_loads(key->initial, JSON_DECODE_ANY, NULL);
    TC_CHECK(initial != NULL);
    if (json_equal(value, initial)) {
        json_decref(value);
        value = NULL;
    }
    json_decref(initial);
    return value;
}

json_t *schema_read_map(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (node->kind != TREE_MAP)
        return schema_fault_value(reading, node, "a map of keys");
    json_t *map = json_object();
    TC_CHECK(map != NULL);
    fault_unknown_keys(reading, key->map, node);
    for (size_t i = 0; i < key->map->count; i++) {
        const struct schema_key *row = &key->map->keys[i];
        size_t above = key_path_add_key(&reading->path, row->name);
        const struct tree_node *member = tree_member(node, row->name);
        json_t *value = member == NULL ? read_left_out(reading, row, node) : row->read(reading, row, member);
        if (value != NULL && row->later)
            value = leave_out_initial(row, value);
        if (value != NULL)
            TC_CHECK(json_object_set_new(map, row->name, value) == 0);
        key_path_cut(&reading->path, above);
    }
    return map;
}

/* Lists of texts are sets: a repeated entry is probably a mistake for another one. */
static void fault_if_repeated(struct schema_reading *reading, struct text_set *seen, const struct tree_node *node)
{
    if (node->kind != TREE_TEXT)
        return;
    char found[TREE_DESCRIPTION_SIZE];
    text_describe(node->text, found);
    const struct text_set_entry *first = text_set_find(seen, node->text);
    if (first != NULL)
        schema_fault(reading, node, "%s is in the list already, as number %u", found, (unsigned)first->number + 1);
    else
        text_set_add(seen, node->text, (uint32_t)seen->count);
}

json_t *schema_read_list(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (node->kind != TREE_LIST)
        return schema_fault_value(reading, node, "a list");
    if ((int64_t)node->count < key->least || (int64_t)node->count > key->most) {
        schema_fault(reading, node, "found a list of %zu, allowed: %lld to %lld members", node->count,
                     (long long)key->least, (long long)key->most);
        return NULL;
    }
    json_t *list = json_array();
    TC_CHECK(list != NULL);
    struct text_set seen = {0};
    size_t index = 0;
    for (const struct tree_node *member = node->first; member != NULL; member = member->next, index++) {
        size_t above = key_path_add_index(&reading->path, index);
        json_t *value = key->item->read(reading, key->item, member);
        TC_CHECK(json_array_append_new(list, value == NULL ? json_null() : value) == 0);
        fault_if_repeated(reading, &seen, member);
        key_path_cut(&reading->path, above);
    }
    text_set_free(&seen);
    return list;
}
