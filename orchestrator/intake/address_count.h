/* How many connections each address has. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ADDRESS_COUNT_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ADDRESS_COUNT_H

#include <stdbool.h>

struct address_count;

/* `limit`: connections of an address; 0: no limit. */
struct address_count *address_count_open(int limit);
void address_count_close(struct address_count *count); /* NULL is allowed */

/* Counts one more. False: the address has as many as it may have, and nothing was counted. */
bool address_count_enter(struct address_count *count, const char *address);
void address_count_leave(struct address_count *count, const char *address);

#endif
