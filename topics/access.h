/* Who may do what on which topic: the one table that both the broker's pattern access list and its guard are made of.
 * Any thread.
 *
 * An identity is what a certificate's subject says: OU is the kind, CN the ID. */
#ifndef TELLERCAST_TOPICS_ACCESS_H
#define TELLERCAST_TOPICS_ACCESS_H

#include "base/buffer.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>

enum identity_kind { IDENTITY_DEVICE, IDENTITY_ORCHESTRATOR, IDENTITY_OPERATOR, IDENTITY_SERVER };
#define IDENTITY_KINDS (IDENTITY_SERVER + 1)

const char *identity_kind_name(enum identity_kind kind); /* "device" */
/* False for an unknown name. */
bool identity_kind_parse(const char *name, enum identity_kind *kind);

struct identity {
    enum identity_kind kind;
    char id[TC_ID_SIZE]; /* as id_is_valid */
};

enum denial {
#define DENIAL(constant, name, meaning) constant,
#include "topics/denial.def"
};
#define DENIALS (DENIAL_QUEUE_FULL + 1)

const char *denial_name(enum denial denial);    /* "too_large" */
const char *denial_meaning(enum denial denial); /* a sentence without its full stop */

struct publication {
    const char *topic;
    size_t payload_bytes;
    bool retained;
    bool will; /* the broker publishes it for a client that is gone */
};

/* Whether the identity may publish this, as far as the topic alone tells: not whether the device of a dispatch is in
 * the node's branch. Fills in `topic` when the topic is known. */
enum denial access_publish(const char *root, const struct identity *identity, const struct publication *publication,
                           struct topic *topic);

/* Whether the identity may receive messages of this topic. Fills in `topic` when it is known. */
enum denial access_receive(const char *root, const struct identity *identity, const char *name, struct topic *topic);

/* Whether the identity may subscribe to this filter, which may be a shared subscription. A device may use only the
 * filters that its agent needs, literally; the others any filter that takes nothing but what they may receive. Fills in
 * `kind` when the answer is DENIAL_NONE. */
enum denial access_subscribe(const char *root, const struct identity *identity, const char *filter,
                             enum topic_kind *kind);

/* Appends the broker's access list in mosquitto's acl_file format: patterns for the devices (user
 * name = device ID) and the lines of the orchestrators' user. No device may have that user's name. */
void access_write_list(const char *root, const char *orchestrator_user, struct buffer *acl);
/* Appends the lines of one operator, who may submit plans and watch. After access_write_list. */
void access_write_operator(const char *root, const char *operator_user, struct buffer *acl);

#endif
