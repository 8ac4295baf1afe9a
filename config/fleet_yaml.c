#include "config/fleet_builder.h"
#include "config/yaml_reader.h"

#include <string.h>

/* Reads a fleet in YAML. The whole document is never in memory: each branch and each device is read into a tree of its
 * own, which is freed before the next one. */
struct fleet_document {
    struct fleet_builder *builder;
    struct yaml_reader *reader;
    struct document_faults *faults;
    struct key_path path;
    struct arena row; /* of the branch or device being read */
    unsigned seen;    /* a bit for each of the keys */
};

typedef void add_row(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);

struct fleet_key {
    const char *name;
    const char *allowed; /* the only allowed value; NULL: a list of rows */
    add_row *add;
    bool required;
};

static const struct fleet_key keys[] = {
    {"apiVersion", "tellercast/v1", NULL, true},
    {"kind", "Fleet", NULL, true},
    {"branches", NULL, fleet_builder_add_branch, false},
    {"devices", NULL, fleet_builder_add_device, false},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Returns NULL when the document ends inside the value. */
static const struct tree_node *read_node(struct fleet_document *document, const struct yaml_item *item)
{
    arena_clear(&document->row);
    return tree_read(document->reader, item, &document->path, &document->row, document->faults);
}

static void fault_value(struct fleet_document *document, const struct tree_node *node, const char *allowed)
{
    char found[TREE_DESCRIPTION_SIZE];
    tree_describe(node, found);
    if (node->kind != TREE_REFUSED)
        document_fault_add(document->faults, node->line, node->column, document->path.text, "found %s, allowed: %s",
                           found, allowed);
}

/* Each of the following functions returns false when the document ends inside the value. */

static bool read_rows(struct fleet_document *document, const struct fleet_key *key)
{
    for (size_t index = 0;; index++) {
        struct yaml_item item;
        yaml_reader_next(document->reader, &item);
        if (item.kind == ITEM_CLOSE)
            return true;
        size_t above = key_path_add_index(&document->path, index);
        const struct tree_node *row = read_node(document, &item);
        if (row != NULL)
            key->add(document->builder, row, &document->path);
        key_path_cut(&document->path, above);
        if (row == NULL || !fleet_builder_goes_on(document->builder))
            return false;
    }
}

static bool read_value(struct fleet_document *document, const struct fleet_key *key, const struct yaml_item *name)
{
    struct yaml_item item;
    yaml_reader_next(document->reader, &item);
    unsigned bit = key == NULL ? 0 : 1U << (key - keys);
    bool repeated = (document->seen & bit) != 0;
    if (key == NULL || repeated) {
        document_fault_add(document->faults, name->line, name->column, document->path.text, "%s",
                           repeated ? "duplicate key" : "unknown key");
        return read_node(document, &item) != NULL;
    }
    document->seen |= bit;
    if (key->add != NULL && item.kind == ITEM_LIST)
        return read_rows(document, key);
    const struct tree_node *node = read_node(document, &item);
    if (node == NULL)
        return false;
    if (key->add != NULL)
        fault_value(document, node, "a list");
    else if (node->kind != TREE_TEXT || strcmp(node->text, key->allowed) != 0)
        fault_value(document, node, key->allowed);
    return true;
}

static bool read_key(struct fleet_document *document, const struct yaml_item *item)
{
    const struct fleet_key *key = NULL;
    struct yaml_item name = *item; /* for its place: its text is gone when the value has been read */
    bool usable = item->kind == ITEM_TEXT;
    for (size_t i = 0; usable && i < KEYS; i++)
        key = strcmp(keys[i].name, item->text) == 0 ? &keys[i] : key;
    size_t above = key_path_add_key(&document->path, usable ? item->text : "");
    bool whole = (usable || read_node(document, item) != NULL) && read_value(document, key, &name);
    key_path_cut(&document->path, above);
    return whole;
}

void fleet_read_yaml(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults)
{
    size_t faults_before = faults->total;
    struct fleet_document document = {.builder = builder, .faults = faults};
    document.reader = yaml_reader_open(bytes, length, faults);
    struct yaml_item first;
    yaml_reader_next(document.reader, &first);
    bool whole = first.kind == ITEM_MAP;
    if (!whole && faults->total == faults_before)
        document_fault_add(faults, 1, 1, "", "allowed: a map with apiVersion, kind, branches and devices");
    for (struct yaml_item item; whole;) {
        yaml_reader_next(document.reader, &item);
        if (item.kind == ITEM_CLOSE)
            break;
        whole = read_key(&document, &item);
    }
    for (size_t i = 0; whole && i < KEYS; i++) {
        if (keys[i].required && (document.seen & (1U << i)) == 0)
            document_fault_add(faults, first.line, first.column, keys[i].name, "is required");
    }
    if (whole)
        yaml_reader_next(document.reader, &first); /* the end of the document, or a fault, follows */
    yaml_reader_close(document.reader);
    arena_free(&document.row);
}
