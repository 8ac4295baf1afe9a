/* The readers of texts and of maps of texts. */
#include "base/id.h"
#include "config/scalar.h"
#include "config/schema.h"

#include <string.h>

enum { LABEL_VALUE_MAX = 256 };

static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    TC_CHECK(value != NULL);
    return value;
}

static bool is_text(const struct tree_node *node)
{
    return node->kind == TREE_TEXT && !tree_is_null(node);
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7F)
            return true;
    }
    return false;
}

json_t *schema_read_text(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    bool fits = is_text(node) && (int64_t)node->length >= key->least && (int64_t)node->length <= key->most;
    if (!fits || has_control_character(node->text))
        return schema_fault_value(reading, node, "a text of %lld to %lld bytes without control characters",
                                  (long long)key->least, (long long)key->most);
    return text_value(node->text);
}

json_t *schema_read_name(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    if (!is_text(node) || !name_is_valid(node->text, node->length))
        return schema_fault_value(reading, node, "a name of 1 to 64 of A-Z a-z 0-9 _ - and, inside it, . : +");
    return text_value(node->text);
}

json_t *schema_read_id(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    if (!is_text(node) || !id_is_valid(node->text, node->length))
        return schema_fault_value(reading, node, "an ID of 1 to 64 of A-Z a-z 0-9 _ -");
    return text_value(node->text);
}

json_t *schema_read_choice(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    for (const char *at = key->allowed; is_text(node) && node->length > 0;) {
        size_t span = strcspn(at, "|");
        if (span == node->length && strncmp(at, node->text, span) == 0)
            return text_value(node->text);
        if (at[span] == '\0')
            break;
        at += span + 1;
    }
    return schema_fault_value(reading, node, "%s%s", strchr(key->allowed, '|') == NULL ? "" : "one of ", key->allowed);
}

json_t *schema_read_zone(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    bool truth;
    bool is_truth = is_text(node) && node->plain && scalar_read_boolean(node->text, &truth);
    if (!is_text(node) || is_truth || !scalar_is_zone(node->text))
        return schema_fault_value(reading, node, "%san IANA time zone such as Europe/Berlin",
                                  key->allowed == NULL ? "" : key->allowed);
    return text_value(node->text);
}

json_t *schema_read_url(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (!is_text(node) || (int64_t)node->length > key->most || !scalar_is_url(node->text))
        return schema_fault_value(reading, node, "an http:// or https:// URL of at most %lld bytes",
                                  (long long)key->most);
    return text_value(node->text);
}

json_t *schema_read_sha256(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    (void)key;
    char digest[65];
    if (!is_text(node) || !scalar_read_sha256(node->text, digest))
        return schema_fault_value(reading, node, "64 hexadecimal digits");
    return text_value(digest);
}

static json_t *read_map_of(struct schema_reading *reading, const struct schema_key *key, const struct schema_key *item,
                           const struct tree_node *node)
{
    if (node->kind != TREE_MAP)
        return schema_fault_value(reading, node, "a map of names");
    if ((int64_t)node->count > key->most) {
        schema_fault(reading, node, "found %zu keys, allowed: at most %lld", node->count, (long long)key->most);
        return NULL;
    }
    json_t *map = json_object();
    TC_CHECK(map != NULL);
    for (const struct tree_node *member = node->first; member != NULL; member = member->next) {
        size_t above = key_path_add_key(&reading->path, member->key);
        if (!name_is_valid(member->key, strlen(member->key)))
            document_fault_add(reading->faults, member->key_line, member->key_column, reading->path.text,
                               "the key must be a name of 1 to 64 of A-Z a-z 0-9 _ - and, inside it, . : +");
        json_t *value = item->read(reading, item, member);
        if (value != NULL)
            TC_CHECK(json_object_set_new(map, member->key, value) == 0);
        key_path_cut(&reading->path, above);
    }
    return map;
}

json_t *schema_read_labels(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    static const struct schema_key label = {.read = schema_read_text, .most = LABEL_VALUE_MAX};
    return read_map_of(reading, key, &label, node);
}

json_t *schema_read_versions(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    static const struct schema_key version = {.read = schema_read_name};
    return read_map_of(reading, key, &version, node);
}

json_t *schema_read_dictionary(struct schema_reading *reading, const struct schema_key *key,
                               const struct tree_node *node)
{
    return read_map_of(reading, key, key->item, node);
}
