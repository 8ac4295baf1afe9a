/* The queue of events from paho's threads and the worker to the agent's thread, with a descriptor that becomes
 * readable. Any thread puts; one takes.
 *
 * paho's threads never wait here and are never refused: a message that is handed back stays in paho's own queue until
 * the next one comes. Messages that can come in masses are merged or dropped instead, so the inbox is bounded:
 * - start and dispatch commands only say "ask now": of the starts that name a device, and of dispatches, the one is
 * kept that is good for longest;
 * - of an installer's progress the newest is kept, of instructions, and of all other messages, the newest few. Dropped
 * messages are asked for, or confirmed, again. Events of the connection are few. Other items of the worker wait for
 * space. */
#ifndef TELLERCAST_CLIENTS_AGENT_INBOX_H
#define TELLERCAST_CLIENTS_AGENT_INBOX_H

#include "clients/agent/inbox_item.h"

#include <stdbool.h>

#define INBOX_WORK_MAX 48 /* items of the worker's; more wait */

struct inbox;

struct inbox *inbox_create(void);
/* Frees it with the items in it. No thread may use it any more. */
void inbox_destroy(struct inbox *inbox);

/* Readable while something is in it. */
int inbox_descriptor(const struct inbox *inbox);

/* Takes over the item, a message, an event of the connection's or a progress, and what it owns. Never waits. */
void inbox_put(struct inbox *inbox, const struct inbox_item *item);
/* Takes over another item of the worker's. Waits while there are too many of these. */
void inbox_put_work(struct inbox *inbox, const struct inbox_item *item);

/* The oldest item, now the caller's. False when it is empty. */
bool inbox_take(struct inbox *inbox, struct inbox_item *item);

#endif
