/* The state of one dispatcher thread: its connections, its key, and the rollouts that it signed for last. Private to
 * the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_DISPATCHER_THREAD_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_DISPATCHER_THREAD_H

#include "orchestrator/dispatcher/dispatcher.h"
#include "orchestrator/store/store.h"

/* Rollouts whose content a thread remembers. */
#define DISPATCHER_THREAD_ROLLOUTS 32

struct rollout_content {
    int64_t rollout; /* 0: free */
    struct buffer text;
};

/* Answers that a thread remembers: a device that asks repeatedly causes no further writes. A power of two. */
#define DISPATCHER_THREAD_SENT 16384

struct sent {
    int64_t instruction;
    int32_t attempt;
};

struct dispatcher_thread {
    const struct dispatcher_config *config;
    struct store *store;
    struct cache *cache;
    const struct signing_key *key; /* of the present batch; NULL: none may sign */
    struct rollout_content rollouts[DISPATCHER_THREAD_ROLLOUTS];
    size_t next_rollout;
    struct buffer token;
    struct buffer delivered_claims;           /* int64_t: to be dropped, see delivery.h */
    int64_t epoch;                            /* of all of the above */
    struct sent sent[DISPATCHER_THREAD_SENT]; /* index: the instruction's number modulo DISPATCHER_THREAD_SENT */
};

struct dispatcher_thread *dispatcher_thread_open(const struct dispatcher_config *config, const char *role);
void dispatcher_thread_close(struct dispatcher_thread *thread);

/* In a new epoch, forgets everything that was read in an older one: the database may not know it any more. */
void dispatcher_thread_notice_epoch(struct dispatcher_thread *thread);

/* Sets the key of the present batch. */
void dispatcher_thread_choose_key(struct dispatcher_thread *thread);
/* The database says that this key must not sign: the batch is not signed. */
void dispatcher_thread_refuse_key(struct dispatcher_thread *thread);

/* The content of an answer to a device. */
struct answer {
    const char *device;
    const char *nonce;              /* of the ask; "": none */
    int64_t recall, recall_since_s; /* see topics/token.h; 0: no recall */
    int64_t instruction, rollout, epoch, start_before_s;
    int32_t attempt;
    enum device_role role;
    bool out_of_service;
};

/* Signs the instruction and publishes it on the device's topic. An answer to an ask goes at QoS 0 (`batch` is NULL):
 * the device asks again if it is lost. A pull client's instruction is retained, at QoS 1, and counted in `batch`.
 * TC_TOO_LARGE when the broker does not accept so large a message. */
enum tc_error dispatcher_thread_publish_instruction(struct dispatcher_thread *thread, const struct answer *answer,
                                                    struct broker_batch *batch, struct tc_fault *fault);

/* Checks that the broker accepts a message of the signed instruction's size, with the longest nonce of an ask; if not,
 * `*detail` says why. Faults as dispatcher_thread_publish_instruction. */
enum tc_error dispatcher_thread_check_size(struct dispatcher_thread *thread, const struct answer *answer,
                                           struct tc_fault *detail);

/* Remembers that this attempt was sent as an answer. True when it was remembered already: then it need not be written
 * again. */
bool dispatcher_thread_remember_sent(struct dispatcher_thread *thread, int64_t instruction, int32_t attempt);

/* Answers an ask that has a nonce: signed, without an instruction, asks the device what it did. */
enum tc_error dispatcher_thread_publish_recall(struct dispatcher_thread *thread, const struct answer *answer);

/* Publishes a signed key set on the device's topic. Not retained: an older agent would read it. */
enum tc_error dispatcher_thread_publish_keys(struct dispatcher_thread *thread, const char *device,
                                             const struct buffer *token);

/* Answers that there is no instruction; empties a pull client's retained topic. */
enum tc_error dispatcher_thread_publish_empty(struct dispatcher_thread *thread, const char *device,
                                              enum device_role role);

#endif
