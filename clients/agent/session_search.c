#include "clients/agent/session_search.h"

#include "base/thread.h"
#include "hosts/address_find.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Owned by the session and by the thread: the last of them frees it. */
struct session_search {
    struct host_list hosts;
    int port;
    struct host_address failed;
    pthread_mutex_t lock;
    struct inbox *inbox; /* NULL: the session does not wait any more */
    int owners;
};

static void release(struct session_search *search)
{
    (void)pthread_mutex_lock(&search->lock);
    bool is_last = --search->owners == 0;
    (void)pthread_mutex_unlock(&search->lock);
    if (!is_last)
        return;
    (void)pthread_mutex_destroy(&search->lock);
    free(search);
}

static void *run(void *argument)
{
    struct session_search *search = argument;
    struct tc_fault fault;
    struct inbox_item item = {.kind = INBOX_ADDRESS_FOUND};
    const struct address_search wanted = {.hosts = &search->hosts,
                                          .port = search->port,
                                          .interrupt_fd = -1,
                                          .failed = search->failed,
                                          .is_single_trusted = true};
    if (address_find(&wanted, &item.address, &fault) != TC_OK) {
        item.kind = INBOX_CONNECTION_FAILED;
        (void)snprintf(item.text, sizeof item.text, "%.*s", (int)sizeof item.text - 1, fault.text);
    }
    (void)pthread_mutex_lock(&search->lock);
    if (search->inbox != NULL)
        inbox_put(search->inbox, &item);
    (void)pthread_mutex_unlock(&search->lock);
    release(search);
    return NULL;
}

struct session_search *session_search_start(const struct host_list *hosts, int port, const struct host_address *failed,
                                            struct inbox *inbox, struct tc_fault *fault)
{
    struct session_search *search = calloc(1, sizeof *search);
    pthread_t thread;
    TC_CHECK(search != NULL);
    *search = (struct session_search){.hosts = *hosts, .port = port, .failed = *failed, .inbox = inbox, .owners = 2};
    TC_CHECK(pthread_mutex_init(&search->lock, NULL) == 0);
    if (thread_start(&thread, "address", run, search, fault) == TC_OK) {
        (void)pthread_detach(thread);
        return search;
    }
    (void)pthread_mutex_destroy(&search->lock);
    free(search);
    return NULL;
}

void session_search_end(struct session_search *search)
{
    if (search == NULL)
        return;
    (void)pthread_mutex_lock(&search->lock);
    search->inbox = NULL;
    (void)pthread_mutex_unlock(&search->lock);
    release(search);
}
