#include "orchestrator/intake/address_count.h"

#include "base/fault.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 }; /* a power of 2 */

struct address_entry {
    char address[INET6_ADDRSTRLEN];
    atomic_int connections;
    struct address_entry *next;
};

struct address_count {
    int limit;
    unsigned char key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose addresses that share a bucket */
    pthread_mutex_t lock;
    struct address_entry *buckets[BUCKETS];
};

struct address_count *address_count_open(int limit)
{
    struct address_count *count = calloc(1, sizeof *count);
    TC_CHECK(count != NULL && sodium_init() >= 0 && pthread_mutex_init(&count->lock, NULL) == 0);
    count->limit = limit;
    crypto_shorthash_keygen(count->key);
    return count;
}

void address_count_close(struct address_count *count)
{
    if (count == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        TC_CHECK(count->buckets[i] == NULL);
    (void)pthread_mutex_destroy(&count->lock);
    free(count);
}

/* Returns where the address is, or where it would be. */
static struct address_entry **find(struct address_count *count, const char *address)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    size_t hash;
    _Static_assert(sizeof hash <= sizeof bytes, "the hash must fit");
    (void)crypto_shorthash(bytes, (const unsigned char *)address, strlen(address), count->key);
    memcpy(&hash, bytes, sizeof hash);
    struct address_entry **place = &count->buckets[hash % BUCKETS];
    while (*place != NULL && strcmp((*place)->address, address) != 0)
        place = &(*place)->next;
    return place;
}

struct address_entry *address_count_enter(struct address_count *count, const char *address)
{
    (void)pthread_mutex_lock(&count->lock);
    struct address_entry **place = find(count, address), *entry = *place;
    if (entry == NULL) {
        *place = entry = calloc(1, sizeof *entry);
        TC_CHECK(entry != NULL);
        (void)snprintf(entry->address, sizeof entry->address, "%s", address);
    }
    bool enters = count->limit == 0 || entry->connections < count->limit;
    if (enters)
        entry->connections++;
    (void)pthread_mutex_unlock(&count->lock);
    return enters ? entry : NULL;
}

void address_count_leave(struct address_count *count, struct address_entry *entry)
{
    (void)pthread_mutex_lock(&count->lock);
    if (--entry->connections == 0) {
        struct address_entry **place = find(count, entry->address);
        *place = entry->next;
        free(entry);
    }
    (void)pthread_mutex_unlock(&count->lock);
}

int address_entry_connections(const struct address_entry *entry)
{
    return entry->connections;
}
