/* Merges the items of the inbox. Private to the inbox, with its lock held. */
#ifndef TELLERCAST_CLIENTS_AGENT_INBOX_MERGE_H
#define TELLERCAST_CLIENTS_AGENT_INBOX_MERGE_H

#include "clients/agent/inbox_item.h"
#include "topics/message.h"

#define INBOX_INSTRUCTIONS_MAX 16 /* messages; the oldest is dropped */
#define INBOX_OTHERS_MAX 64       /* messages that are neither instructions nor commands; the oldest is dropped */
#define INBOX_STARTS_MAX 1024     /* devices named in start commands; the oldest command is dropped */

enum inbox_class {
    CLASS_EVENT,
    CLASS_WORK,
    CLASS_PROGRESS,
    CLASS_DISPATCH,
    CLASS_START,
    CLASS_INSTRUCTION,
    CLASS_OTHER,
    CLASS_COUNT
};

struct inbox_entry {
    enum inbox_class class;
    struct inbox_item item;
    int64_t expires_ms; /* CLASS_DISPATCH */
    struct start
        start; /* CLASS_START: devices that no newer command names; the payload is made from it when it is taken */
};

struct inbox_list {
    struct inbox_entry **entries; /* `length` of them, the oldest first */
    size_t length, capacity;
    size_t counts[CLASS_COUNT];
    size_t started_devices; /* devices of all CLASS_START */
};

/* An entry of its own for a copy of the item. Reads a command as far as is needed to merge it. */
struct inbox_entry *inbox_entry_create(const struct inbox_item *item);
void inbox_entry_free(struct inbox_entry *entry);

/* Zeroed before its first use; empty at its end. */
void inbox_list_free(struct inbox_list *list);

/* Appends the entry, merges it with the others, and drops what exceeds the limits. */
void inbox_list_add(struct inbox_list *list, struct inbox_entry *entry);
/* Takes the oldest out, ready for its reader; NULL: there is none. */
struct inbox_entry *inbox_list_take(struct inbox_list *list);

#endif
