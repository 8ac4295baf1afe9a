/* The command line of the technician's program: one table says the commands, the help and what each needs. */
#ifndef TELLERCAST_CLIENTS_TECHNICIAN_ORDER_H
#define TELLERCAST_CLIENTS_TECHNICIAN_ORDER_H

#include "clients/agent/technician/technician_request.h"

#include <stdbool.h>
#include <stdio.h>

#define ORDER_SOCKET_DEFAULT "/var/lib/tellercast-agent/technician.socket"

struct order {
    struct technician_request request;
    const char *socket_path;
    bool prints_json, prints_help, prints_version;
};

/* False, after a message on standard error: the words are unusable. */
bool order_read(int argument_count, char **arguments, struct order *order);

void order_print_help(FILE *out);

#endif
