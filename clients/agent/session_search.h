/* Looks for the address at which the broker answers, on a thread of its own: the resolver waits as long as it likes.
 * Private to the session. */
#ifndef TELLERCAST_CLIENTS_AGENT_SESSION_SEARCH_H
#define TELLERCAST_CLIENTS_AGENT_SESSION_SEARCH_H

#include "base/host_list.h"
#include "clients/agent/inbox.h"
#include "hosts/address_turn.h"

#include <stdbool.h>

struct session_search;

/* Starts to search; `failed` as in hosts/address_find.h. Puts INBOX_ADDRESS_FOUND or INBOX_CONNECTION_FAILED in the
 * inbox, unless it is ended before. NULL, with the fault: there is no thread. */
struct session_search *session_search_start(const struct host_list *hosts, int port, const struct host_address *failed,
                                            struct inbox *inbox, struct tc_fault *fault);

/* Ends it without waiting: after this call the inbox is not used. NULL: nothing. */
void session_search_end(struct session_search *search);

#endif
