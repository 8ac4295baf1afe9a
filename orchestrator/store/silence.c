/* Waits for the server, with a limit. A server whose processes are frozen keeps its connections alive, so neither TCP
 * nor libpq ever reports that it does not answer. */
#include "base/clock.h"
#include "base/progress.h"
#include "orchestrator/store/connection.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /* How long a statement may exceed its own limit, at which the server ends it: a server that has not answered by
     * then does not work. */
    SILENCE_MS = 15000,
    MS_PER_SECOND = 1000,
};

/* Protects the list of waits and its members. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct wait *waits;

/* 0: no limit, or one that the connection string sets. */
static int64_t limit_of(const struct store *store)
{
    if (store->takes_any_time || strstr(store->own_options, "statement_timeout") != NULL)
        return 0;
    return (store->takes_long ? STORE_LONG_MS : STORE_STEP_MS) + SILENCE_MS;
}

void store_begin_wait(struct store *store)
{
    struct wait *wait = &store->wait;
    progress_begin_wait();
    (void)pthread_mutex_lock(&mutex);
    wait->socket = PQsocket(store->connection);
    wait->limit_ms = limit_of(store);
    wait->connected_ms = store->connected_ms;
    wait->began_ms = clock_monotonic_ms();
    wait->next = waits;
    wait->place = &waits;
    if (waits != NULL)
        waits->place = &wait->next;
    waits = wait;
    (void)pthread_mutex_unlock(&mutex);
}

void store_end_wait(struct store *store)
{
    struct wait *wait = &store->wait;
    (void)pthread_mutex_lock(&mutex);
    *wait->place = wait->next;
    if (wait->next != NULL)
        wait->next->place = wait->place;
    (void)pthread_mutex_unlock(&mutex);
    progress_end_wait();
}

bool store_was_silent(const struct store *store, char *message, size_t size)
{
    if (store->wait.given_up_after_ms == 0)
        return false;
    (void)snprintf(message, size, "the server has not answered for %" PRId64 " s: its connection was closed",
                   store->wait.given_up_after_ms / MS_PER_SECOND);
    return true;
}

static void give_up(struct wait *wait, int64_t now_ms)
{
    if (wait->given_up_after_ms != 0)
        return;
    (void)shutdown(wait->socket, SHUT_RDWR);
    wait->given_up_after_ms = now_ms - wait->began_ms;
}

void store_end_silent_waits(void)
{
    (void)pthread_mutex_lock(&mutex);
    int64_t now_ms = clock_monotonic_ms(), silent_since_ms = 0;
    for (const struct wait *wait = waits; wait != NULL; wait = wait->next) {
        bool is_silent = wait->limit_ms != 0 && now_ms - wait->began_ms > wait->limit_ms;
        if (is_silent && wait->began_ms > silent_since_ms)
            silent_since_ms = wait->began_ms;
    }
    for (struct wait *wait = waits; wait != NULL; wait = wait->next) {
        if (wait->connected_ms <= silent_since_ms)
            give_up(wait, now_ms);
    }
    (void)pthread_mutex_unlock(&mutex);
}
