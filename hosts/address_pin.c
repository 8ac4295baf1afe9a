#include "hosts/address_pin.h"

#include "base/host_list.h"
#include "hosts/address_turn.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct pin {
    char name[HOST_SIZE];
    char address[ADDRESS_TEXT_SIZE];
};

static struct {
    pthread_mutex_t lock;
    struct pin pins[HOSTS_MAX];
    size_t next; /* to be replaced */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct pin *find(const char *name)
{
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        if (strcmp(table.pins[i].name, name) == 0)
            return &table.pins[i];
    }
    return NULL;
}

void address_pin(const char *name, const char *address)
{
    (void)pthread_mutex_lock(&table.lock);
    struct pin *pin = find(name);
    if (pin == NULL) {
        pin = &table.pins[table.next];
        table.next = (table.next + 1) % HOSTS_MAX;
    }
    (void)snprintf(pin->name, sizeof pin->name, "%s", name);
    (void)snprintf(pin->address, sizeof pin->address, "%s", address);
    (void)pthread_mutex_unlock(&table.lock);
}

static bool take_pinned(const char *name, char address[static ADDRESS_TEXT_SIZE])
{
    (void)pthread_mutex_lock(&table.lock);
    const struct pin *pin = name[0] == '\0' ? NULL : find(name);
    if (pin != NULL)
        memcpy(address, pin->address, sizeof pin->address);
    (void)pthread_mutex_unlock(&table.lock);
    return pin != NULL;
}

typedef int resolver(const char *name, const char *service, const struct addrinfo *wanted, struct addrinfo **found);

/* Takes the place of the C library's getaddrinfo, by this name, for this program and its libraries. */
__attribute__((visibility("default"))) int address_pin_resolve(const char *name, const char *service,
                                                               const struct addrinfo *wanted,
                                                               struct addrinfo **found) __asm__("getaddrinfo");

int address_pin_resolve(const char *name, const char *service, const struct addrinfo *wanted, struct addrinfo **found)
{
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    resolver *next;
    char address[ADDRESS_TEXT_SIZE];
    if (symbol == NULL)
        return EAI_SYSTEM;
    memcpy(&next, &symbol, sizeof next);
    if (name != NULL && service == NULL && take_pinned(name, address))
        return next(address, NULL, wanted, found);
    return next(name, service, wanted, found);
}
