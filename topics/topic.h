/* Topic names of the wire, version 1. The only place that spells them. Any thread.
 *
 * All topics lie under a root (setting `topic_root`, "tc/v1"). */
#ifndef TELLERCAST_TOPICS_TOPIC_H
#define TELLERCAST_TOPICS_TOPIC_H

#include "base/fault.h"
#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPIC_ROOT_DEFAULT "tc/v1"
/* Default user of the orchestrators at the broker. */
#define TOPIC_ORCHESTRATOR_USER "tellercastd"
#define TOPIC_ROOT_MAX 64
#define TOPIC_SIZE 320 /* the longest topic and its NUL */

/* No message but a plan is larger than this; a larger one is refused unread. */
#define MESSAGE_SIZE_MAX 65536
#define PLAN_SIZE_MAX 1048576

enum topic_kind {
    TOPIC_SUBMIT,      /* operator → orchestrator: a plan from an unproven sender */
    TOPIC_SUBMIT_AS,   /* a plan from the operator that the broker's access list admits */
    TOPIC_START,       /* orchestrator → node: devices that may start now */
    TOPIC_DISPATCH,    /* node → ATM client: ask now */
    TOPIC_ASK,         /* device → orchestrator: asks for its instruction */
    TOPIC_INSTRUCTION, /* orchestrator → device: a signed instruction, or empty */
    TOPIC_REPLY,       /* device → orchestrator: a report */
    TOPIC_CONFIRM,     /* orchestrator → device: that report is committed */
    TOPIC_PRESENCE,    /* device → all, retained, with a will */
    TOPIC_PROGRESS,    /* orchestrator → all, retained: a rollout's counters */
    TOPIC_EPOCH,       /* orchestrator, retained: the broker's generation */
    TOPIC_WATCH, /* orchestrator → its successor, retained, with a will: who watches presence, or watched it last */
    TOPIC_GUARD, /* the broker's guard → all but devices, retained: its counters and the version of its table */
    TOPIC_DIRECTORY, /* orchestrator → the broker's guard: the table of devices; under no root */
    TOPIC_RESPONSE,  /* orchestrator → operator: the answer to a plan; see topic_parse_response */
};

#define TOPIC_KINDS (TOPIC_RESPONSE + 1)

struct topic {
    enum topic_kind kind;
    char branch[TC_ID_SIZE]; /* START, DISPATCH */
    char device[TC_ID_SIZE]; /* DISPATCH, ASK, INSTRUCTION, REPLY, CONFIRM, PRESENCE */
    char user[TC_ID_SIZE];   /* SUBMIT_AS, RESPONSE */
    int64_t rollout;         /* PROGRESS */
};

/* A root is 1 to 64 characters, levels of A-Z a-z 0-9 _ - . joined by '/'. */
bool topic_root_is_valid(const char *root);

/* The name of a kind of topic in options and counters: "ask". Never NULL. */
const char *topic_kind_name(enum topic_kind kind);

/* Writes the topic's name. `topic`'s IDs must be valid. Not for TOPIC_RESPONSE: topic_format_response. */
void topic_format(const char *root, const struct topic *topic, char name[static TOPIC_SIZE]);

/* Reads a topic's name. TC_INVALID for an unknown topic, and for a response topic. `length` counts no NUL. */
enum tc_error topic_parse(const char *root, const char *name, size_t length, struct topic *topic);

/* The filter that takes every topic of a kind: "tc/v1/device/+/ask". With `share` not NULL it is a
 * shared subscription (MQTT 5, 4.8.2): "$share/{share}/tc/v1/device/+/ask". */
void topic_filter(const char *root, enum topic_kind kind, const char *share, char filter[static TOPIC_SIZE]);
/* The default name of the orchestrators' shared subscriptions. */
#define TOPIC_SHARE_DEFAULT "tellercast"
/* Derives a name of shared subscriptions from a secret, so that nobody can join them who does not know it. */
void topic_share_name(const char *secret, char name[static TC_ID_SIZE]);

#define TOPIC_CLIENT_DIGITS_SIZE 17
/* Derives the digits of an orchestrator's client ID from its name and a secret: the same at each start, and unknown to
 * who does not know the secret. */
void topic_client_digits(const char *secret, const char *name, char digits[static TOPIC_CLIENT_DIGITS_SIZE]);

/* The filter of an ATM client for dispatches from the node of any branch:
 * "tc/v1/branch/+/dispatch/{device}". */
void topic_filter_dispatch_to(const char *root, const char *device, char filter[static TOPIC_SIZE]);

/* A response topic of an operator, "tc/v1/operator/{user}/…": true, and the user, if it is one; the topic where
 * that operator submits is none. */
bool topic_parse_response(const char *root, const char *name, size_t length, char user[static TC_ID_SIZE]);

/* Writes such a topic, "tc/v1/operator/{user}/{name}". `user` and `name` must be valid IDs. */
void topic_format_response(const char *root, const char *user, const char *name, char topic[static TOPIC_SIZE]);

#endif
