#include "orchestrator/broker/reach.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or an errno. */
static int wait_for_connect(int fd, int timeout_ms, int interrupt_fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = interrupt_fd, .events = POLLIN}};
    int ready = poll(fds, 2, timeout_ms);
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

static int try_address(const struct addrinfo *address, int timeout_ms, int interrupt_fd)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return errno;
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS)
        error = wait_for_connect(fd, timeout_ms, interrupt_fd);
    (void)close(fd);
    return error;
}

enum tc_error reach(const char *host, int port, int timeout_ms, int interrupt_fd, struct tc_fault *fault)
{
    char service[16];
    (void)snprintf(service, sizeof service, "%d", port);
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int failed = getaddrinfo(host, service, &wanted, &found);
    if (failed != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s", gai_strerror(failed));
    int error = ETIMEDOUT;
    for (const struct addrinfo *address = found; address != NULL; address = address->ai_next) {
        error = try_address(address, timeout_ms, interrupt_fd);
        if (error == 0 || error == ECANCELED)
            break;
    }
    freeaddrinfo(found);
    if (error == 0)
        return TC_OK;
    return tc_fault_set(fault, error == ETIMEDOUT ? TC_TIMEOUT : TC_UNAVAILABLE, "connect: %s", strerror(error));
}
