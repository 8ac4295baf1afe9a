/* An item of the inbox: a message, an event of the connection, or a result of the worker. */
#ifndef TELLERCAST_CLIENTS_AGENT_INBOX_ITEM_H
#define TELLERCAST_CLIENTS_AGENT_INBOX_ITEM_H

#include "base/id.h"
#include "clients/agent/action/install.h"
#include "clients/agent/download.h"
#include "hosts/address_turn.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>

enum inbox_kind {
    INBOX_ADDRESS_FOUND, /* where the broker answers */
    INBOX_CONNECTED,     /* CONNACK; the subscriptions are still to be made */
    INBOX_SUBSCRIBED,    /* the subscriptions are made */
    INBOX_CONNECTION_FAILED,
    INBOX_CONNECTION_LOST,
    INBOX_MESSAGE,
    INBOX_DOWNLOADED,
    INBOX_INSTALL_PROGRESS,
    INBOX_INSTALL_VERSION,
    INBOX_INSTALLED,
};

struct inbox_message {
    struct topic topic;
    void *payload; /* owned */
    size_t length;
    bool retained;
};

struct inbox_item {
    enum inbox_kind kind;
    char text[128]; /* why a connection failed or was lost; a progress text; a version */
    union {
        struct inbox_message message;
        struct download_result downloaded;
        struct install_result installed;
        int percent;
        struct host_address address;
        char name[TC_ID_SIZE]; /* of a version */
    };
};

/* Frees the contents of the item. */
void inbox_item_free(struct inbox_item *item);

#endif
