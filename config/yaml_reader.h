/* A YAML 1.1 or JSON document as a stream of items with their places. Anchors, aliases, tags, second documents, nesting
 * deeper than 32 and texts with a NUL are faults for all readers; the reading ends at a second document and at too deep
 * nesting. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_YAML_READER_H
#define TELLERCAST_CONFIG_YAML_READER_H

#include "config/document.h"

#include <stdbool.h>
#include <stddef.h>

#define YAML_DEPTH_MAX 32

enum yaml_item_kind {
    ITEM_TEXT,
    ITEM_LIST, /* its members follow, then ITEM_CLOSE */
    ITEM_MAP,  /* keys and values, alternating, follow, then ITEM_CLOSE */
    ITEM_CLOSE,
    ITEM_REFUSED, /* in place of a value for which a fault was added */
    ITEM_END,     /* end of the document, or the rest cannot be read (then there is a fault) */
};

struct yaml_item {
    enum yaml_item_kind kind;
    unsigned line, column; /* from 1 */
    const char *text;      /* of ITEM_TEXT, with a NUL; good until the next item is read */
    size_t length;
    bool plain; /* written without quotes */
};

struct yaml_reader;

/* Reads from memory, which must outlive the reader. Faults go to `faults`, which must outlive it, too. */
struct yaml_reader *yaml_reader_open(const char *bytes, size_t length, struct document_faults *faults);
void yaml_reader_close(struct yaml_reader *reader);

/* Reads the next item. After ITEM_END it is always ITEM_END. */
void yaml_reader_next(struct yaml_reader *reader, struct yaml_item *item);

#endif
