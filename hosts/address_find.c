#include "hosts/address_find.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CANDIDATES_MAX = 64 };

struct candidate {
    int family;
    struct sockaddr_storage address;
    socklen_t length;
};

struct candidates {
    size_t count;
    struct host_address names[CANDIDATES_MAX];
    struct candidate items[CANDIDATES_MAX];
    struct buffer reasons; /* why hosts and addresses did not do */
};

/* poll, that a signal does not end. */
static int poll_until(struct pollfd *fds, nfds_t count, int64_t deadline_ms)
{
    int ready;
    do {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        ready = poll(fds, count, left_ms > 0 ? (int)left_ms : 0);
    } while (ready < 0 && errno == EINTR);
    return ready;
}

/* 0, or an errno. */
static int wait_for_connect(int fd, int timeout_ms, int interrupt_fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = interrupt_fd, .events = POLLIN}};
    int ready = poll_until(fds, 2, clock_monotonic_ms() + timeout_ms);
    if (ready == 0)
        return ETIMEDOUT;
    if (ready < 0)
        return errno;
    if (fds[1].revents != 0)
        return ECANCELED;
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

static int try_address(const struct candidate *candidate, int timeout_ms, int interrupt_fd)
{
    int fd = socket(candidate->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int error = connect(fd, (const struct sockaddr *)&candidate->address, candidate->length) == 0 ? 0 : errno;
    if (error == EINPROGRESS)
        error = wait_for_connect(fd, timeout_ms, interrupt_fd);
    (void)close(fd);
    return error;
}

static void add_reason(struct candidates *candidates, const char *host, const char *address, const char *reason)
{
    bool is_plain = address[0] == '\0' || strcmp(host, address) == 0;
    if (candidates->reasons.length > 0)
        buffer_put_text(&candidates->reasons, "; ");
    buffer_format(&candidates->reasons, "%s%s%s: %s", host, is_plain ? "" : " ", is_plain ? "" : address, reason);
}

static void add_candidate(struct candidates *candidates, size_t host, const struct addrinfo *address)
{
    struct host_address *name = &candidates->names[candidates->count];
    struct candidate *item = &candidates->items[candidates->count];
    name->host = host;
    if (address->ai_addrlen > sizeof item->address ||
        getnameinfo(address->ai_addr, address->ai_addrlen, name->text, sizeof name->text, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    item->family = address->ai_family;
    item->length = address->ai_addrlen;
    memcpy(&item->address, address->ai_addr, address->ai_addrlen);
    candidates->count++;
}

static void resolve(struct candidates *candidates, const struct address_search *search, size_t host)
{
    char service[16];
    (void)snprintf(service, sizeof service, "%d", search->port);
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    const char *name = search->hosts->names[host];
    int failed = getaddrinfo(name, service, &wanted, &found);
    if (failed != 0) {
        add_reason(candidates, name, "", gai_strerror(failed));
        return;
    }
    for (const struct addrinfo *at = found; at != NULL && candidates->count < CANDIDATES_MAX; at = at->ai_next)
        add_candidate(candidates, host, at);
    freeaddrinfo(found);
}

static enum tc_error find_among(struct candidates *candidates, const struct address_search *search,
                                struct host_address *found, struct tc_fault *fault)
{
    size_t first = address_turn_first(candidates->names, candidates->count, &search->failed);
    int timeout_ms = address_turn_timeout_ms(candidates->count);
    bool has_timed_out = false;
    for (size_t i = 0; i < candidates->count; i++) {
        size_t at = (first + i) % candidates->count;
        bool is_tried = !search->is_single_trusted || candidates->count > 1;
        int error = is_tried ? try_address(&candidates->items[at], timeout_ms, search->interrupt_fd) : 0;
        *found = candidates->names[at];
        if (error == 0)
            return TC_OK;
        if (error == ECANCELED)
            return tc_fault_set(fault, TC_UNAVAILABLE, "interrupted");
        has_timed_out = error == ETIMEDOUT;
        add_reason(candidates, search->hosts->names[found->host], found->text, strerror(error));
    }
    return tc_fault_set(fault, has_timed_out ? TC_TIMEOUT : TC_UNAVAILABLE, "connect: %s",
                        buffer_text(&candidates->reasons));
}

enum tc_error address_find(const struct address_search *search, struct host_address *found, struct tc_fault *fault)
{
    struct candidates candidates = {0};
    for (size_t host = 0; host < search->hosts->count; host++)
        resolve(&candidates, search, host);
    enum tc_error error = find_among(&candidates, search, found, fault);
    buffer_free(&candidates.reasons);
    return error;
}
