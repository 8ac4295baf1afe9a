/* How many connections each address has. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ADDRESS_COUNT_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ADDRESS_COUNT_H

struct address_count;
struct address_entry; /* an address that has connections */

/* `limit`: connections of an address; 0: no limit. */
struct address_count *address_count_open(int limit);
void address_count_close(struct address_count *count); /* NULL is allowed */

/* Counts one more. NULL: the address has as many as it may have, and nothing was counted. */
struct address_entry *address_count_enter(struct address_count *count, const char *address);
/* Counts one less; `entry` as address_count_enter returned it. */
void address_count_leave(struct address_count *count, struct address_entry *entry);

/* How many connections this address has now. */
int address_entry_connections(const struct address_entry *entry);

#endif
