#include "orchestrator/intake/address_count.h"

#include "base/fault.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 }; /* a power of 2 */

struct entry {
    char address[INET6_ADDRSTRLEN];
    int connections;
    struct entry *next;
};

struct address_count {
    int limit;
    unsigned char key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose addresses that share a bucket */
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
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
static struct entry **find(struct address_count *count, const char *address)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    size_t hash;
    _Static_assert(sizeof hash <= sizeof bytes, "the hash must fit");
    (void)crypto_shorthash(bytes, (const unsigned char *)address, strlen(address), count->key);
    memcpy(&hash, bytes, sizeof hash);
    struct entry **place = &count->buckets[hash % BUCKETS];
    while (*place != NULL && strcmp((*place)->address, address) != 0)
        place = &(*place)->next;
    return place;
}

bool address_count_enter(struct address_count *count, const char *address)
{
    (void)pthread_mutex_lock(&count->lock);
    struct entry **place = find(count, address);
    if (*place == NULL) {
        *place = calloc(1, sizeof **place);
        TC_CHECK(*place != NULL);
        (void)snprintf((*place)->address, sizeof(*place)->address, "%s", address);
    }
    bool enters = count->limit == 0 || (*place)->connections < count->limit;
    if (enters)
        (*place)->connections++;
    (void)pthread_mutex_unlock(&count->lock);
    return enters;
}

void address_count_leave(struct address_count *count, const char *address)
{
    (void)pthread_mutex_lock(&count->lock);
    struct entry **place = find(count, address), *entry = *place;
    TC_CHECK(entry != NULL);
    if (--entry->connections == 0) {
        *place = entry->next;
        free(entry);
    }
    (void)pthread_mutex_unlock(&count->lock);
}
