/* What happened, from paho's threads and the worker's, for the agent's thread: a bounded queue with a
 * descriptor that becomes readable. Any thread puts; one takes. */
#ifndef TELLERCAST_CLIENTS_AGENT_INBOX_H
#define TELLERCAST_CLIENTS_AGENT_INBOX_H

#include "clients/agent/download.h"
#include "clients/agent/install.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inbox_kind {
    INBOX_CONNECTED,  /* CONNACK; the subscriptions are still to be made */
    INBOX_SUBSCRIBED, /* and now they are */
    INBOX_CONNECTION_FAILED,
    INBOX_CONNECTION_LOST,
    INBOX_MESSAGE,
    INBOX_DOWNLOADED,
    INBOX_INSTALL_PROGRESS,
    INBOX_INSTALL_VERSION,
    INBOX_INSTALLED,
};

struct inbox_item {
    enum inbox_kind kind;
    char text[128]; /* why a connection failed or was lost; a progress text; a version */
    union {
        struct {
            char topic[TOPIC_SIZE];
            void *payload; /* owned */
            size_t length;
            bool retained;
        } message;
        struct download_result downloaded;
        struct install_result installed;
        int percent;
        char name[TC_ID_SIZE]; /* of a version */
    };
};

struct inbox;

struct inbox *inbox_create(void);
/* Frees what nobody took. Nobody may use it any more. */
void inbox_destroy(struct inbox *inbox);

/* Readable while something is in it. */
int inbox_descriptor(const struct inbox *inbox);

/* Takes over the item and what it owns. False when it is full: nothing was taken. The connection's own
 * events have some room of their own. */
bool inbox_put(struct inbox *inbox, const struct inbox_item *item);
/* Waits while it is full. */
void inbox_put_surely(struct inbox *inbox, const struct inbox_item *item);

/* The oldest item, now the caller's. False when it is empty. */
bool inbox_take(struct inbox *inbox, struct inbox_item *item);
void inbox_item_free(struct inbox_item *item);

#endif
