#include "config/tree.h"

#include "base/utf8.h"
#include "config/json_escapes.h"
#include "config/text_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a map with more members, duplicates are found by a set. */
enum { FEW_MEMBERS = 16 };

struct builder {
    struct yaml_reader *reader;
    struct key_path *path;
    struct arena *arena;
    struct document_faults *faults;
};

/* The members of the list or map being read. */
struct members {
    struct tree_node *owner, *last;
    struct text_set keys; /* used for maps with many members */
};

static struct tree_node *build(struct builder *builder, const struct yaml_item *item);

static void append(struct members *members, struct tree_node *node)
{
    if (members->last == NULL)
        members->owner->first = node;
    else
        members->last->next = node;
    members->last = node;
    members->owner->count++;
}

static bool has_key(struct members *members, const char *key)
{
    if (members->owner->count < FEW_MEMBERS)
        return tree_member(members->owner, key) != NULL;
    if (members->keys.count == 0) {
        for (const struct tree_node *node = members->owner->first; node != NULL; node = node->next)
            text_set_add(&members->keys, node->key, 0);
    }
    return text_set_find(&members->keys, key) != NULL;
}

static bool build_list(struct builder *builder, struct tree_node *list)
{
    struct members members = {.owner = list};
    for (struct yaml_item item;;) {
        yaml_reader_next(builder->reader, &item);
        if (item.kind == ITEM_CLOSE)
            return true;
        size_t above = key_path_add_index(builder->path, list->count);
        struct tree_node *node = build(builder, &item);
        key_path_cut(builder->path, above);
        if (node == NULL)
            return false;
        append(&members, node);
    }
}

/* Reads the member whose key is `item`. Returns false when the document ends inside it. */
static bool build_member(struct builder *builder, struct members *members, const struct yaml_item *item)
{
    bool usable = item->kind == ITEM_TEXT;
    if (item->kind == ITEM_LIST || item->kind == ITEM_MAP)
        document_fault_add(builder->faults, item->line, item->column, builder->path->text, "a key must be a text");
    if (!usable && build(builder, item) == NULL)
        return false;
    const char *key = usable ? arena_text(builder->arena, item->text, item->length) : "";
    size_t above = key_path_add_key(builder->path, key);
    bool duplicate = usable && has_key(members, key);
    if (duplicate)
        document_fault_add(builder->faults, item->line, item->column, builder->path->text, "duplicate key");
    struct yaml_item value;
    yaml_reader_next(builder->reader, &value);
    struct tree_node *node = build(builder, &value);
    key_path_cut(builder->path, above);
    if (node == NULL)
        return false;
    if (!usable || duplicate)
        return true;
    node->key = key;
    node->key_line = item->line;
    node->key_column = item->column;
    append(members, node);
    if (members->keys.count > 0)
        text_set_add(&members->keys, key, 0);
    return true;
}

static bool build_map(struct builder *builder, struct tree_node *map)
{
    struct members members = {.owner = map};
    bool whole = true;
    for (struct yaml_item item; whole;) {
        yaml_reader_next(builder->reader, &item);
        if (item.kind == ITEM_CLOSE)
            break;
        whole = build_member(builder, &members, &item);
    }
    text_set_free(&members.keys);
    return whole;
}

static struct tree_node *build(struct builder *builder, const struct yaml_item *item)
{
    if (item->kind == ITEM_END)
        return NULL;
    struct tree_node *node = arena_take(builder->arena, sizeof *node);
    node->line = item->line;
    node->column = item->column;
    switch (item->kind) {
    case ITEM_TEXT:
        node->kind = TREE_TEXT;
        node->plain = item->plain;
        node->text = arena_text(builder->arena, item->text, item->length);
        node->length = item->length;
        return node;
    case ITEM_LIST: node->kind = TREE_LIST; return build_list(builder, node) ? node : NULL;
    case ITEM_MAP: node->kind = TREE_MAP; return build_map(builder, node) ? node : NULL;
    default: node->kind = TREE_REFUSED; return node;
    }
}

struct tree_node *tree_read(struct yaml_reader *reader, const struct yaml_item *item, struct key_path *path,
                            struct arena *arena, struct document_faults *faults)
{
    struct builder builder = {reader, path, arena, faults};
    return build(&builder, item);
}

struct tree *tree_parse(const char *bytes, size_t length, struct document_faults *faults)
{
    struct tree *tree = calloc(1, sizeof *tree);
    TC_CHECK(tree != NULL);
    size_t faults_before = faults->total;
    struct buffer joined = {0};
    bool changed = json_join_surrogates(bytes, length, &joined);
    struct yaml_reader *reader =
        yaml_reader_open(changed ? joined.bytes : bytes, changed ? joined.length : length, faults);
    struct key_path path = {.length = 0};
    struct yaml_item item;
    yaml_reader_next(reader, &item);
    tree->root = tree_read(reader, &item, &path, &tree->arena, faults);
    if (tree->root != NULL)
        yaml_reader_next(reader, &item); /* the end of the document, or a fault, follows */
    else if (faults->total == faults_before)
        document_fault_add(faults, 1, 1, "", "the document is empty");
    yaml_reader_close(reader);
    buffer_free(&joined);
    if (tree->root == NULL) {
        tree_free(tree);
        return NULL;
    }
    return tree;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    arena_free(&tree->arena);
    free(tree);
}

const struct tree_node *tree_member(const struct tree_node *map, const char *key)
{
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        if (node->key != NULL && strcmp(node->key, key) == 0)
            return node;
    }
    return NULL;
}

static const struct tree_node *member_of_length(const struct tree_node *map, const char *key, size_t length)
{
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        if (node->key != NULL && strncmp(node->key, key, length) == 0 && node->key[length] == '\0')
            return node;
    }
    return NULL;
}

const struct tree_node *tree_nearest(const struct tree_node *root, const char *path)
{
    const struct tree_node *node = root;
    while (*path != '\0') {
        const struct tree_node *below = NULL;
        if (*path == '[') {
            char *end;
            unsigned long index = strtoul(path + 1, &end, 10);
            below = node->kind == TREE_LIST ? node->first : NULL;
            for (; below != NULL && index > 0; index--)
                below = below->next;
            path = *end == ']' ? end + 1 : end;
        } else {
            size_t length = strcspn(path, ".[");
            below = member_of_length(node, path, length);
            path += length;
        }
        if (below == NULL)
            break;
        node = below;
        path += *path == '.' ? 1 : 0;
    }
    return node;
}

bool tree_is_null(const struct tree_node *node)
{
    if (node->kind != TREE_TEXT || !node->plain)
        return false;
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        if (strcmp(node->text, nulls[i]) == 0)
            return true;
    }
    return false;
}

void text_describe(const char *found, char text[static TREE_DESCRIPTION_SIZE])
{
    enum { SHOWN_MAX = 60 };
    size_t length = strnlen(found, SHOWN_MAX);
    length = utf8_valid_length(found, length);
    (void)snprintf(text, TREE_DESCRIPTION_SIZE, "\"%.*s\"%s", (int)length, found, found[length] == '\0' ? "" : "…");
    for (size_t at = 0, width; text[at] != '\0'; at += width) {
        width = utf8_character_length(text + at, strlen(text + at));
        TC_CHECK(width > 0);
        if (utf8_is_control(text + at, width))
            memset(text + at, '?', width);
    }
}

void tree_describe(const struct tree_node *node, char text[static TREE_DESCRIPTION_SIZE])
{
    const char *what = "a value that is not allowed";
    if (tree_is_null(node))
        what = "nothing";
    else if (node->kind == TREE_LIST)
        what = "a list";
    else if (node->kind == TREE_MAP)
        what = "a map";
    if (node->kind == TREE_TEXT && !tree_is_null(node))
        text_describe(node->text, text);
    else
        (void)snprintf(text, TREE_DESCRIPTION_SIZE, "%s", what);
}
