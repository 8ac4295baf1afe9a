/* Validates a connection string before libpq gets it. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CONNECTION_STRING_H
#define TELLERCAST_ORCHESTRATOR_STORE_CONNECTION_STRING_H

#include "base/fault.h"

#include <postgresql/libpq-fe.h>

/* Parses it into libpq's options, to be freed with PQconninfoFree. TC_INVALID when it cannot be parsed, when it
 * names a service, or when libpq would take a part of its password for a host, a port or a parameter, and name it in
 * messages. The fault contains
 * nothing of the string. */
enum tc_error connection_string_parse(const char *text, PQconninfoOption **options, struct tc_fault *fault);

/* Returns the value of a keyword; "": it has none. Valid as long as the options. */
const char *connection_string_value(const PQconninfoOption *options, const char *keyword);

#endif
