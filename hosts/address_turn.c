#include "hosts/address_turn.h"

#include <string.h>

bool address_is_same(const struct host_address *one, const struct host_address *other)
{
    return one->host == other->host && strcmp(one->text, other->text) == 0;
}

size_t address_turn_first(const struct host_address *addresses, size_t count, const struct host_address *failed)
{
    for (size_t i = 0; i < count; i++) {
        if (address_is_same(&addresses[i], failed))
            return (i + 1) % count;
    }
    return 0;
}
