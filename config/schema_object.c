/* Reads any JSON object. Numbers and booleans that are YAML but not JSON are refused, because other programs would read
 * them differently. */
#include "config/scalar.h"
#include "config/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The digits that a double keeps exactly, so that canonical JSON has the number as it was written. */
enum { EXACT_DIGITS = 15 };

static json_t *read_any(struct schema_reading *reading, const struct tree_node *node);

static size_t count_digits(const char *text)
{
    size_t count = 0;
    for (; *text != '\0' && *text != 'e' && *text != 'E'; text++)
        count += *text >= '0' && *text <= '9' ? 1 : 0;
    return count;
}

/* True for texts that some YAML readers take for numbers or booleans: 010, 0x1F, 1_000, .5, yes, Off. */
static bool is_ambiguous(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", ".inf", "-.inf", "+.inf", ".nan"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    const char *digits = text + (*text == '-' || *text == '+' ? 1 : 0);
    if (*digits != '.' && (*digits < '0' || *digits > '9'))
        return false;
    char *end;
    (void)strtod(text, &end);
    if (*end == '\0')
        return true;
    if (*digits == '0' && (digits[1] == 'o' || digits[1] == 'b'))
        return digits[2] != '\0' && digits[2 + strspn(digits + 2, "01234567_")] == '\0';
    return digits[strspn(digits, "0123456789_.")] == '\0' && strchr(digits, '_') != NULL;
}

static json_t *read_scalar(struct schema_reading *reading, const struct tree_node *node)
{
    int64_t integer;
    bool truth;
    if (!node->plain)
        return json_string(node->text);
    if (strcmp(node->text, "null") == 0)
        return json_null();
    if (tree_is_null(node))
        return schema_fault_value(reading, node, "null, or a text in quotes");
    if (scalar_read_boolean(node->text, &truth))
        return json_boolean(truth);
    if (scalar_read_integer(node->text, &integer))
        return json_integer(integer);
    if (scalar_is_number(node->text)) {
        double real = strtod(node->text, NULL);
        if (!isfinite(real) || count_digits(node->text) > EXACT_DIGITS)
            return schema_fault_value(reading, node, "a number of at most 15 digits, or a text in quotes");
        return json_real(real);
    }
    if (is_ambiguous(node->text))
        return schema_fault_value(reading, node, "a JSON number, true, false, or a text in quotes");
    return json_string(node->text);
}

static json_t *read_array(struct schema_reading *reading, const struct tree_node *node)
{
    json_t *array = json_array();
    size_t index = 0;
    for (const struct tree_node *member = node->first; member != NULL; member = member->next, index++) {
        size_t above = key_path_add_index(&reading->path, index);
        json_t *value = read_any(reading, member);
        if (value != NULL)
            TC_CHECK(json_array_append_new(array, value) == 0);
        key_path_cut(&reading->path, above);
    }
    return array;
}

static json_t *read_members(struct schema_reading *reading, const struct tree_node *node)
{
    json_t *object = json_object();
    for (const struct tree_node *member = node->first; member != NULL; member = member->next) {
        size_t above = key_path_add_key(&reading->path, member->key);
        json_t *value = read_any(reading, member);
        if (value != NULL)
            TC_CHECK(json_object_set_new(object, member->key, value) == 0);
        key_path_cut(&reading->path, above);
    }
    return object;
}

static json_t *read_any(struct schema_reading *reading, const struct tree_node *node)
{
    switch (node->kind) {
    case TREE_TEXT: return read_scalar(reading, node);
    case TREE_LIST: return read_array(reading, node);
    case TREE_MAP: return read_members(reading, node);
    case TREE_REFUSED: break;
    }
    return NULL;
}

json_t *schema_read_object(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (node->kind != TREE_MAP)
        return schema_fault_value(reading, node, "a map");
    json_t *object = read_any(reading, node);
    size_t size = json_dumpb(object, NULL, 0, JSON_COMPACT);
    if ((int64_t)size > key->most) {
        schema_fault(reading, node, "found %zu bytes of JSON, allowed: at most %lld", size, (long long)key->most);
        json_decref(object);
        return NULL;
    }
    return object;
}
