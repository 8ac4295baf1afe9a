/* A YAML or JSON document as a tree; each node has its place in the source. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_TREE_H
#define TELLERCAST_CONFIG_TREE_H

#include "config/arena.h"
#include "config/document.h"
#include "config/key_path.h"
#include "config/yaml_reader.h"

#include <stdbool.h>
#include <stddef.h>

enum tree_kind {
    TREE_TEXT,
    TREE_LIST,
    TREE_MAP,
    TREE_REFUSED, /* a fault was added for it: readers add no other */
};

struct tree_node {
    enum tree_kind kind;
    bool plain;            /* a text written without quotes */
    unsigned line, column; /* of the value, from 1 */
    const char *text;      /* of a text; no NUL inside */
    size_t length;
    const char *key; /* of a member of a map; else NULL */
    unsigned key_line, key_column;
    struct tree_node *first, *next; /* the members of a list or a map, in their order */
    size_t count;
};

struct tree {
    struct tree_node *root;
    struct arena arena;
};

/* Reads a document. Returns NULL, with a fault, when it is empty or not YAML. Faults are also possible when it returns
 * a tree, such as duplicate keys (the first one stays): check `faults`. */
struct tree *tree_parse(const char *bytes, size_t length, struct document_faults *faults);
void tree_free(struct tree *tree);

/* Reads the value that begins with `item` from a stream into `arena`. `path` is the place of the value. Returns NULL
 * when the document ends inside it. */
struct tree_node *tree_read(struct yaml_reader *reader, const struct yaml_item *item, struct key_path *path,
                            struct arena *arena, struct document_faults *faults);

/* Returns the member of a map, or NULL. */
const struct tree_node *tree_member(const struct tree_node *map, const char *key);
/* Returns the node at a path such as "spec.groups[1].name", or else the nearest existing one above it. */
const struct tree_node *tree_nearest(const struct tree_node *root, const char *path);

/* Returns whether the value is null in YAML and JSON: empty, ~ or null, without quotes. */
bool tree_is_null(const struct tree_node *node);

#define TREE_DESCRIPTION_SIZE 80
/* Describes the found value for a fault: `"4.7"`, `a list`, `nothing`. Control characters become '?'. */
void tree_describe(const struct tree_node *node, char text[static TREE_DESCRIPTION_SIZE]);
void text_describe(const char *found, char text[static TREE_DESCRIPTION_SIZE]);

#endif
