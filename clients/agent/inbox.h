/* The queue of events from paho's threads and the worker to the agent's thread, with a descriptor that becomes
 * readable. Any thread puts; one takes.
 *
 * paho's threads never wait here, and no message is refused: a refused one would stay in paho's own queue until the
 * next one comes. Instead, messages that can arrive in masses are merged or dropped, so that the inbox is bounded:
 *
 *   start, dispatch     only say "ask now": for each device the start that is valid for longest is kept, and the
 *                       dispatch that is valid for longest
 *   progress            of an installer: the newest is kept
 *   instructions        the newest few are kept; the device asks again for dropped ones
 *   other messages      the newest few are kept; dropped ones are sent again
 *
 * Events of the connection are few. Other items of the worker wait for space. */
#ifndef TELLERCAST_CLIENTS_AGENT_INBOX_H
#define TELLERCAST_CLIENTS_AGENT_INBOX_H

#include "clients/agent/inbox_item.h"

#include <stdbool.h>

#define INBOX_WORK_MAX 48 /* maximum of the worker's items; the worker waits to put more */

struct inbox;

struct inbox *inbox_create(void);
/* Frees it with the items in it. No thread may use it any more. */
void inbox_destroy(struct inbox *inbox);

/* Readable while the inbox has items. */
int inbox_descriptor(const struct inbox *inbox);

/* Takes ownership of the item and its contents: a message, an event of the connection, or a progress. Never waits. */
void inbox_put(struct inbox *inbox, const struct inbox_item *item);
/* Takes ownership of another item of the worker. Waits while INBOX_WORK_MAX of these are in the inbox. */
void inbox_put_work(struct inbox *inbox, const struct inbox_item *item);

/* Takes the oldest item, which the caller then owns. Returns false when the inbox is empty. */
bool inbox_take(struct inbox *inbox, struct inbox_item *item);

#endif
