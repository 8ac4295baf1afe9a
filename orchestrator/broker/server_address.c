#include "orchestrator/broker/server_address.h"

#include "hosts/address_find.h"
#include "hosts/address_pin.h"

enum tc_error server_address_find(struct server_address *address, const struct broker_config *config, int interrupt_fd,
                                  const char **host, struct tc_fault *fault)
{
    const struct address_search search = {
        .hosts = &config->hosts,
        .port = config->port,
        .interrupt_fd = interrupt_fd,
        .failed = address->failed,
    };
    enum tc_error error = address_find(&search, &address->found, fault);
    address->failed = (struct host_address){0};
    if (error != TC_OK) {
        address->found = (struct host_address){0};
        return error;
    }
    *host = config->hosts.names[address->found.host];
    server_address_use(address, *host);
    return TC_OK;
}

void server_address_use(const struct server_address *address, const char *host)
{
    address_pin(host, address->found.text);
}

void server_address_failed(struct server_address *address)
{
    address->failed = address->found;
}
