#include "orchestrator/intake/listener.h"

#include "base/address.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static int port_of(int handle)
{
    _Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
                   "the port must have the same offset in both families");
    struct sockaddr_in6 address = {0};
    socklen_t length = sizeof address;
    if (getsockname(handle, (struct sockaddr *)&address, &length) != 0)
        return -1;
    return ntohs(address.sin6_port);
}

static enum tc_error bind_and_listen(const struct addrinfo *info, const char *address, int port, int *handle,
                                     struct tc_fault *fault)
{
    int made = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    if (made >= 0 && setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(made, info->ai_addr, info->ai_addrlen) == 0 && listen(made, BACKLOG) == 0) {
        *handle = made;
        return TC_OK;
    }
    int number = errno;
    if (made >= 0)
        (void)close(made);
    return tc_fault_set(fault, error_from_errno(number), "listen on %s port %d: %s", address, port, strerror(number));
}

static const char *numeric_of(const char *address)
{
    return strcmp(address, "localhost") == 0 ? "127.0.0.1" : address;
}

bool listener_is_loopback(const char *address)
{
    return address_host_is_loopback(numeric_of(address));
}

/* The caller frees `info` with freeaddrinfo. */
static enum tc_error find_address(const char *endpoint, const char *address, int port, struct addrinfo **info,
                                  struct tc_fault *fault)
{
    char service[16];
    (void)snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    int number = getaddrinfo(numeric_of(address), service, &hints, info);
    if (number != 0)
        return tc_fault_set(fault, TC_INVALID, "%s.listen: found \"%s\" (%s), allowed: a numeric address, localhost",
                            endpoint, address, gai_strerror(number));
    return TC_OK;
}

enum tc_error listener_check(const char *endpoint, const char *address, struct tc_fault *fault)
{
    struct addrinfo *info;
    enum tc_error error = find_address(endpoint, address, 0, &info, fault);
    if (error == TC_OK)
        freeaddrinfo(info);
    return error;
}

enum tc_error listener_open(const char *endpoint, const char *address, int port, int *handle, int *bound_port,
                            struct tc_fault *fault)
{
    struct addrinfo *info;
    enum tc_error error = find_address(endpoint, address, port, &info, fault);
    if (error != TC_OK)
        return error;
    error = bind_and_listen(info, address, port, handle, fault);
    if (error == TC_OK)
        *bound_port = port_of(*handle);
    freeaddrinfo(info);
    return error;
}
