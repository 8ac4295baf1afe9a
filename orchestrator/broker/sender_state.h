/* The sender's own state. Private to sender*.c. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_SENDER_STATE_H
#define TELLERCAST_ORCHESTRATOR_BROKER_SENDER_STATE_H

#include "orchestrator/broker/announced.h"
#include "orchestrator/broker/in_flight.h"
#include "orchestrator/broker/sender.h"

#include <MQTTAsync.h>
#include <pthread.h>

enum { SENDER_REASON_SIZE = 256 };

enum sender_state { DOWN, CONNECTING, FAILED, UP };

struct sender {
    const struct broker_config *config;
    void (*lost)(void *context);
    void *context;
    char *uri; /* of the present connection; NULL: none yet */
    char *client_id;

    pthread_mutex_t lock;   /* never held while paho is called: paho's callbacks hold a lock of its own */
    pthread_cond_t changed; /* of state, calls and in_flight */
    MQTTAsync handle;
    enum sender_state state;
    enum tc_error error;
    char reason[SENDER_REASON_SIZE];
    bool interrupted;
    int calls;          /* threads inside paho with `handle` */
    int64_t refused_ms; /* see sender_refused_ms */
    char refusal[SENDER_REASON_SIZE];
    struct announced announced;
    int keep_alive_s;
    struct in_flight in_flight;

    /* Only one thread at a time gives a message to paho, which checks for space in its queue before it takes its own
     * lock: of two threads that find the last place, the second would silently replace the oldest message. Held while
     * paho is called, and so never in its callbacks. */
    pthread_mutex_t send_lock;
};

#endif
