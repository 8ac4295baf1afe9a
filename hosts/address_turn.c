#include "hosts/address_turn.h"

#include <string.h>

bool address_is_same(const struct host_address *one, const struct host_address *other)
{
    return one->host == other->host && strcmp(one->text, other->text) == 0;
}

int address_turn_timeout_ms(size_t count)
{
    if (count <= 1)
        return SINGLE_TIMEOUT_MS;
    int share_ms = ALL_TIMEOUT_MS / (int)count;
    return share_ms < ONE_OF_SEVERAL_TIMEOUT_MS ? share_ms : ONE_OF_SEVERAL_TIMEOUT_MS;
}

size_t address_turn_first(const struct host_address *addresses, size_t count, const struct host_address *failed)
{
    for (size_t i = 0; i < count; i++) {
        if (address_is_same(&addresses[i], failed))
            return (i + 1) % count;
    }
    return 0;
}
