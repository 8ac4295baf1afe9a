#include "orchestrator/worker/fair_items.h"

#include <stdlib.h>
#include <string.h>

/* Senders without a waiting item that are remembered, so that leaving and returning does not renew their share. */
enum { FAIR_SENDERS_IDLE = 16384 };
/* While the queue is full a sender waits for space if it has less than this part of its items in it: an honest one is
 * delayed, and loses nothing. */
enum { FAIR_PART_WHEN_FULL = 8 };

#define NONE UINT32_MAX

enum list_name { READY, RESTING, IDLE, LISTS };

/* An item that waits, or a free place. The item itself is in `items`. */
struct place {
    uint32_t next;
    size_t bytes;
};

struct sender {
    char id[TC_ID_SIZE];
    enum list_name list;
    uint32_t before, after; /* in its list; `after` also among the free ones */
    uint32_t next_of_hash;
    uint32_t first, last, count; /* waiting items */
    size_t bytes;
    int64_t until_ms;  /* RESTING, IDLE: the end of it */
    int64_t credit_ms; /* when it would have its whole burst again */
};

struct list {
    uint32_t first, last;
};

/* Each list is in the order of time: all rests are equally long, and so is all idling. Memory is touched as it is
 * needed: places and senders that were never used are behind `places_used` and `senders_used`. */
struct fair_items {
    struct fair_rules rules;
    size_t item_size, limit;
    size_t count, bytes;
    size_t resting_items;
    struct place *places;
    unsigned char *items;
    uint32_t free_place, places_used;
    struct sender *senders;
    uint32_t free_sender, senders_used, senders_max;
    struct list lists[LISTS];
    uint32_t *hashes; /* first sender of each hash */
    uint32_t hash_mask;
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    TC_CHECK(memory != NULL);
    return memory;
}

struct fair_items *fair_items_open(size_t item_size, size_t limit, const struct fair_rules *rules)
{
    TC_CHECK(item_size > 0 && limit > 0 && limit < NONE / 4 && rules->waiting_max > 0 && rules->burst > 0);
    struct fair_items *items = allocate(1, sizeof *items);
    items->rules = *rules;
    items->item_size = item_size;
    items->limit = limit;
    items->places = allocate(limit, sizeof *items->places);
    items->items = allocate(limit, item_size);
    items->senders_max = (uint32_t)limit + FAIR_SENDERS_IDLE;
    items->senders = allocate(items->senders_max, sizeof *items->senders);
    items->free_place = items->free_sender = NONE;
    for (int i = 0; i < LISTS; i++)
        items->lists[i] = (struct list){NONE, NONE};
    uint32_t hashes = 1024;
    while (hashes < items->senders_max)
        hashes *= 2;
    items->hash_mask = hashes - 1;
    items->hashes = allocate(hashes, sizeof *items->hashes); /* 0: none, else 1 + the index */
    return items;
}

static void *item_at(struct fair_items *items, uint32_t place)
{
    return items->items + (size_t)place * items->item_size;
}

static void drop(struct fair_items *items, void *item)
{
    if (items->rules.drop != NULL)
        items->rules.drop(item);
}

void fair_items_free(struct fair_items *items)
{
    for (uint32_t i = 0; i < items->senders_used; i++) {
        uint32_t place = items->senders[i].count == 0 ? NONE : items->senders[i].first;
        for (; place != NONE; place = items->places[place].next)
            drop(items, item_at(items, place));
    }
    free(items->hashes);
    free(items->senders);
    free(items->items);
    free(items->places);
    free(items);
}

/* ---- lists of senders ---- */

static void enter(struct fair_items *items, enum list_name name, uint32_t index)
{
    struct list *list = &items->lists[name];
    struct sender *sender = &items->senders[index];
    sender->list = name;
    sender->before = list->last;
    sender->after = NONE;
    if (list->last == NONE)
        list->first = index;
    else
        items->senders[list->last].after = index;
    list->last = index;
    if (name == RESTING)
        items->resting_items += sender->count;
}

static void leave(struct fair_items *items, uint32_t index)
{
    const struct sender *sender = &items->senders[index];
    struct list *list = &items->lists[sender->list];
    if (sender->before == NONE)
        list->first = sender->after;
    else
        items->senders[sender->before].after = sender->after;
    if (sender->after == NONE)
        list->last = sender->before;
    else
        items->senders[sender->after].before = sender->before;
    if (sender->list == RESTING)
        items->resting_items -= sender->count;
}

/* ---- finding a sender ---- */

/* FNV-1a, 32 bits. */
static uint32_t *hash_of(struct fair_items *items, const char *id)
{
    uint32_t value = 2166136261u;
    for (; *id != '\0'; id++)
        value = (value ^ (unsigned char)*id) * 16777619u;
    return &items->hashes[(value ^ (value >> 15)) & items->hash_mask];
}

static void forget_sender(struct fair_items *items, uint32_t index)
{
    struct sender *sender = &items->senders[index];
    uint32_t *link = hash_of(items, sender->id);
    while (*link != index + 1)
        link = &items->senders[*link - 1].next_of_hash;
    *link = sender->next_of_hash;
    leave(items, index);
    sender->count = 0;
    sender->after = items->free_sender;
    items->free_sender = index;
}

/* Frees the sender that has been idle longest, or one that rests without an item: there are more senders than items. */
static void forget_oldest(struct fair_items *items)
{
    uint32_t index = items->lists[IDLE].first;
    if (index == NONE) {
        index = items->lists[RESTING].first;
        while (items->senders[index].count > 0)
            index = items->senders[index].after;
    }
    forget_sender(items, index);
}

static uint32_t make_sender(struct fair_items *items, const char *id, uint32_t *link)
{
    uint32_t index = items->free_sender;
    if (index != NONE)
        items->free_sender = items->senders[index].after;
    else
        index = items->senders_used++;
    struct sender *sender = &items->senders[index];
    *sender = (struct sender){.first = NONE, .last = NONE, .next_of_hash = *link};
    size_t length = strlen(id);
    TC_CHECK(length < sizeof sender->id);
    memcpy(sender->id, id, length + 1);
    *link = index + 1;
    enter(items, IDLE, index);
    return index;
}

static uint32_t find_sender(struct fair_items *items, const char *id)
{
    for (uint32_t found = *hash_of(items, id); found != 0; found = items->senders[found - 1].next_of_hash) {
        if (strcmp(items->senders[found - 1].id, id) == 0)
            return found - 1;
    }
    return NONE;
}

/* ---- put ---- */

static bool replace(struct fair_items *items, struct sender *sender, size_t bytes, const void *item)
{
    if (items->rules.replaces == NULL)
        return false;
    for (uint32_t place = sender->first; place != NONE; place = items->places[place].next) {
        void *waiting = item_at(items, place);
        if (!items->rules.replaces(item, waiting))
            continue;
        drop(items, waiting);
        memcpy(waiting, item, items->item_size);
        size_t before = items->places[place].bytes;
        sender->bytes = sender->bytes - before + bytes;
        items->bytes = items->bytes - before + bytes;
        items->places[place].bytes = bytes;
        return true;
    }
    return false;
}

static bool is_over(const struct fair_items *items, const struct sender *sender, size_t bytes)
{
    return sender->count > 0 &&
           (sender->count >= items->rules.waiting_max || sender->bytes + bytes > items->rules.waiting_bytes_max);
}

static bool has_its_part(const struct fair_items *items, const struct sender *sender)
{
    return (size_t)sender->count * FAIR_PART_WHEN_FULL >= items->rules.waiting_max;
}

static bool is_full(const struct fair_items *items, size_t bytes)
{
    return items->count == items->limit || (items->count > 0 && items->bytes + bytes > items->rules.bytes_max);
}

static void append(struct fair_items *items, uint32_t index, size_t bytes, const void *item)
{
    struct sender *sender = &items->senders[index];
    uint32_t place = items->free_place;
    if (place != NONE)
        items->free_place = items->places[place].next;
    else
        place = items->places_used++;
    items->places[place] = (struct place){.next = NONE, .bytes = bytes};
    memcpy(item_at(items, place), item, items->item_size);
    if (sender->count == 0)
        sender->first = place;
    else
        items->places[sender->last].next = place;
    sender->last = place;
    sender->count++;
    sender->bytes += bytes;
    items->count++;
    items->bytes += bytes;
    items->resting_items += sender->list == RESTING;
    if (sender->list != IDLE)
        return;
    leave(items, index);
    enter(items, READY, index);
}

enum fair_verdict fair_items_put(struct fair_items *items, const struct fair_sender *sender, const void *item)
{
    uint32_t index = find_sender(items, sender->id);
    if (index != NONE && replace(items, &items->senders[index], sender->bytes, item))
        return FAIR_REPLACED;
    bool has_items = index != NONE && items->senders[index].count > 0;
    if (has_items && !sender->is_exempt && is_over(items, &items->senders[index], sender->bytes))
        return FAIR_OVER;
    if (is_full(items, sender->bytes))
        return has_items && !sender->is_exempt && has_its_part(items, &items->senders[index]) ? FAIR_OVER : FAIR_FULL;
    if (index == NONE) {
        if (items->free_sender == NONE && items->senders_used == items->senders_max)
            forget_oldest(items);
        index = make_sender(items, sender->id, hash_of(items, sender->id));
    }
    append(items, index, sender->bytes, item);
    return FAIR_TAKEN;
}

/* ---- take ---- */

static int64_t later(int64_t now_ms, int64_t ms)
{
    return now_ms == INT64_MAX ? now_ms : now_ms + ms;
}

static void begin_idling(struct fair_items *items, uint32_t index, int64_t now_ms)
{
    items->senders[index].until_ms = later(now_ms, (int64_t)items->rules.burst * items->rules.interval_ms);
    enter(items, IDLE, index);
}

static void end_rests(struct fair_items *items, int64_t now_ms)
{
    uint32_t index;
    while ((index = items->lists[RESTING].first) != NONE && items->senders[index].until_ms <= now_ms) {
        leave(items, index);
        if (items->senders[index].count > 0)
            enter(items, READY, index);
        else
            begin_idling(items, index, now_ms);
    }
    while ((index = items->lists[IDLE].first) != NONE && items->senders[index].until_ms <= now_ms)
        forget_sender(items, index);
}

/* After one of its items was taken: the sender waits for its next turn, rests, or has nothing more. */
static void end_turn(struct fair_items *items, uint32_t index, int64_t now_ms)
{
    struct sender *sender = &items->senders[index];
    int64_t interval_ms = items->rules.interval_ms;
    sender->credit_ms = later(sender->credit_ms > now_ms ? sender->credit_ms : now_ms, interval_ms);
    if (sender->credit_ms > later(now_ms, (items->rules.burst - 1) * interval_ms)) {
        sender->until_ms = later(now_ms, interval_ms);
        enter(items, RESTING, index);
    } else if (sender->count > 0) {
        enter(items, READY, index);
    } else {
        begin_idling(items, index, now_ms);
    }
}

size_t fair_items_take(struct fair_items *items, void *out, size_t most, int64_t now_ms)
{
    size_t taken = 0;
    end_rests(items, now_ms);
    for (uint32_t index; taken < most && (index = items->lists[READY].first) != NONE; taken++) {
        struct sender *sender = &items->senders[index];
        leave(items, index);
        uint32_t place = sender->first;
        memcpy((unsigned char *)out + taken * items->item_size, item_at(items, place), items->item_size);
        sender->first = items->places[place].next;
        sender->bytes -= items->places[place].bytes;
        items->bytes -= items->places[place].bytes;
        sender->count--;
        items->count--;
        items->places[place].next = items->free_place;
        items->free_place = place;
        end_turn(items, index, now_ms);
    }
    return taken;
}

size_t fair_items_length(const struct fair_items *items)
{
    return items->count;
}

bool fair_items_are_ready(const struct fair_items *items)
{
    return items->lists[READY].first != NONE;
}

int64_t fair_items_next_ms(const struct fair_items *items)
{
    return items->resting_items == 0 ? INT64_MAX : items->senders[items->lists[RESTING].first].until_ms;
}
