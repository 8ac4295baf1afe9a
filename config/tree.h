/* A YAML or JSON document as a tree that knows where everything stood. One owner, one thread. */
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
    TREE_REFUSED, /* there is a fault for it already: a reader says nothing more */
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

/* Reads a document. NULL, with a fault, when it is no YAML at all or empty. There can be faults beside
 * a tree, too: duplicate keys, say, of which the first stays; the caller looks at `faults`. */
struct tree *tree_parse(const char *bytes, size_t length, struct document_faults *faults);
void tree_free(struct tree *tree);

/* Reads the one value that starts with `item` from a stream, into `arena`. `path` is where it stands.
 * NULL when the document ends inside it. */
struct tree_node *tree_read(struct yaml_reader *reader, const struct yaml_item *item, struct key_path *path,
                            struct arena *arena, struct document_faults *faults);

/* The member of a map, or NULL. */
const struct tree_node *tree_member(const struct tree_node *map, const char *key);
/* The node at a path such as "spec.groups[1].name", or the nearest above it that is there. */
const struct tree_node *tree_nearest(const struct tree_node *root, const char *path);

/* True for a value that YAML and JSON call null: nothing, ~ or null without quotes. */
bool tree_is_null(const struct tree_node *node);

#define TREE_DESCRIPTION_SIZE 80
/* What a fault says was found: `"4.7"`, `a list`, `nothing`. Control characters become '?'. */
void tree_describe(const struct tree_node *node, char text[static TREE_DESCRIPTION_SIZE]);
void text_describe(const char *found, char text[static TREE_DESCRIPTION_SIZE]);

#endif
