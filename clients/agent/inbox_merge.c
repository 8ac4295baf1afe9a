#include "clients/agent/inbox_merge.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static bool read_dispatch(struct inbox_entry *entry)
{
    struct dispatch dispatch;
    struct tc_fault fault;
    if (dispatch_decode(entry->item.message.payload, entry->item.message.length, &dispatch, &fault) != TC_OK)
        return false;
    entry->expires_ms = dispatch.expires_ms;
    return true;
}

static bool read_start(struct inbox_entry *entry)
{
    struct tc_fault fault;
    return start_decode(entry->item.message.payload, entry->item.message.length, &entry->start, &fault) == TC_OK;
}

/* A retained or malformed command is left to the agent, which logs it. */
static enum inbox_class classify(struct inbox_entry *entry)
{
    if (entry->item.kind == INBOX_INSTALL_PROGRESS)
        return CLASS_PROGRESS;
    if (entry->item.kind != INBOX_MESSAGE)
        return entry->item.kind < INBOX_MESSAGE ? CLASS_EVENT : CLASS_WORK;
    const struct inbox_message *message = &entry->item.message;
    if (message->topic.kind == TOPIC_INSTRUCTION)
        return CLASS_INSTRUCTION;
    if (message->topic.kind == TOPIC_DISPATCH && !message->retained && read_dispatch(entry))
        return CLASS_DISPATCH;
    if (message->topic.kind == TOPIC_START && !message->retained && read_start(entry))
        return CLASS_START;
    return CLASS_OTHER;
}

struct inbox_entry *inbox_entry_create(const struct inbox_item *item)
{
    struct inbox_entry *entry = calloc(1, sizeof *entry);
    TC_CHECK(entry != NULL);
    entry->item = *item;
    entry->class = classify(entry);
    return entry;
}

void inbox_entry_free(struct inbox_entry *entry)
{
    start_free(&entry->start);
    inbox_item_free(&entry->item);
    free(entry);
}

void inbox_list_free(struct inbox_list *list)
{
    TC_CHECK(list->length == 0);
    free(list->entries);
}

static struct inbox_entry *remove_at(struct inbox_list *list, size_t at)
{
    struct inbox_entry *entry = list->entries[at];
    list->length--;
    memmove(list->entries + at, list->entries + at + 1, (list->length - at) * sizeof *list->entries);
    /* clang-tidy 14 takes it for the one that was removed and freed before. */
    list->counts[entry->class]--; /* NOLINT(clang-analyzer-unix.Malloc) */
    list->started_devices -= entry->class == CLASS_START ? entry->start.device_count : 0;
    return entry;
}

static void append(struct inbox_list *list, struct inbox_entry *entry)
{
    if (list->length == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->entries = realloc(list->entries, list->capacity * sizeof *list->entries);
        TC_CHECK(list->entries != NULL);
    }
    list->entries[list->length++] = entry;
    list->counts[entry->class]++;
    list->started_devices += entry->class == CLASS_START ? entry->start.device_count : 0;
}

/* Returns the index of the oldest of a class; `length`: none. */
static size_t find_first(const struct inbox_list *list, enum inbox_class class)
{
    size_t at = 0;
    while (at < list->length && list->entries[at]->class != class)
        at++;
    return at;
}

static void drop_oldest(struct inbox_list *list, enum inbox_class class)
{
    struct inbox_entry *entry = remove_at(list, find_first(list, class));
    LOG_LIMITED(LOG_LEVEL_WARNING, "messages", "inbox.forgotten", F_INT("kind", entry->item.message.topic.kind));
    inbox_entry_free(entry);
}

/* Puts it in place of the one of its class. */
static void replace(struct inbox_list *list, struct inbox_entry *entry)
{
    size_t at = find_first(list, entry->class);
    if (at < list->length)
        inbox_entry_free(remove_at(list, at));
    append(list, entry);
}

/* Keeps the dispatch that is valid for longer, so that no sender can shorten another's. */
static void add_dispatch(struct inbox_list *list, struct inbox_entry *entry)
{
    size_t at = find_first(list, CLASS_DISPATCH);
    if (at < list->length && list->entries[at]->expires_ms > entry->expires_ms)
        inbox_entry_free(entry);
    else
        replace(list, entry);
}

static bool names_device(const struct start *start, const char *device)
{
    for (size_t i = 0; i < start->device_count; i++) {
        if (strcmp(start->devices[i], device) == 0)
            return true;
    }
    return false;
}

/* Removes from `start` the devices that `other` names. */
static void remove_devices(struct start *start, const struct start *other)
{
    size_t kept = 0;
    for (size_t i = 0; i < start->device_count; i++) {
        if (!names_device(other, start->devices[i]))
            memmove(start->devices[kept++], start->devices[i], sizeof start->devices[i]);
    }
    start->device_count = kept;
}

/* Leaves a device that both commands name to the one that is valid for longer; of equal ones, to the newer. */
static void remove_duplicates(struct inbox_list *list, struct inbox_entry *older, struct inbox_entry *newer)
{
    struct inbox_entry *shorter = older->start.expires_ms > newer->start.expires_ms ? newer : older;
    list->started_devices -= older->start.device_count;
    remove_devices(&shorter->start, shorter == older ? &newer->start : &older->start);
    list->started_devices += older->start.device_count;
}

static void add_start(struct inbox_list *list, struct inbox_entry *entry)
{
    for (size_t at = list->length; at-- > 0;) {
        if (list->entries[at]->class != CLASS_START)
            continue;
        remove_duplicates(list, list->entries[at], entry);
        if (list->entries[at]->start.device_count == 0)
            inbox_entry_free(remove_at(list, at));
    }
    if (entry->start.device_count == 0) {
        inbox_entry_free(entry);
        return;
    }
    append(list, entry);
    while (list->started_devices > INBOX_STARTS_MAX)
        drop_oldest(list, CLASS_START);
}

static void add_newest(struct inbox_list *list, struct inbox_entry *entry, size_t most)
{
    append(list, entry);
    if (list->counts[entry->class] > most)
        drop_oldest(list, entry->class);
}

void inbox_list_add(struct inbox_list *list, struct inbox_entry *entry)
{
    switch (entry->class) {
    case CLASS_PROGRESS: replace(list, entry); break;
    case CLASS_DISPATCH: add_dispatch(list, entry); break;
    case CLASS_START: add_start(list, entry); break;
    case CLASS_INSTRUCTION: add_newest(list, entry, INBOX_INSTRUCTIONS_MAX); break;
    case CLASS_OTHER: add_newest(list, entry, INBOX_OTHERS_MAX); break;
    case CLASS_EVENT:
    case CLASS_WORK:
    case CLASS_COUNT: append(list, entry); break;
    }
}

struct inbox_entry *inbox_list_take(struct inbox_list *list)
{
    if (list->length == 0)
        return NULL;
    struct inbox_entry *entry = remove_at(list, 0);
    if (entry->class == CLASS_START) {
        struct buffer payload = {0};
        start_encode(&entry->start, &payload);
        free(entry->item.message.payload);
        entry->item.message.payload = payload.bytes;
        entry->item.message.length = payload.length;
    }
    return entry;
}
