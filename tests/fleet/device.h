/* A simulated device, and the shard of devices that one thread drives. Private to tests/fleet; everything
 * here belongs to the shard's thread once it runs. */
#ifndef TELLERCAST_TESTS_FLEET_DEVICE_H
#define TELLERCAST_TESTS_FLEET_DEVICE_H

#include "tests/fleet/admission.h"
#include "tests/fleet/behaviour.h"
#include "tests/fleet/counters.h"
#include "tests/fleet/execution_log.h"
#include "tests/fleet/simulation.h"
#include "tests/fleet/timer_queue.h"
#include "tests/fleet/version_set.h"
#include "topics/topic.h"

#include <mosquitto.h>
#include <pthread.h>

#define NO_BRANCH UINT32_MAX

enum device_timer {
    TIMER_LINK,
    TIMER_ASK,
    TIMER_WORK,
    TIMER_RESEND,
    TIMER_LATE,
    TIMER_OFFLINE,
    TIMER_FLOOD,
    DEVICE_TIMERS
};

enum device_link {
    LINK_DOWN,        /* until TIMER_LINK */
    LINK_WAITING,     /* in the queue of the admission, for a connection */
    LINK_CONNECTING,  /* until the broker accepts the connection, or TIMER_LINK */
    LINK_SUBSCRIBING, /* until it is subscribed, or TIMER_LINK; retained messages come already */
    LINK_READY,
    LINK_CLOSING, /* the device sends nothing and ignores what it receives */
};

struct device {
    struct shard *shard;
    struct mosquitto *session;
    const char *id, *branch_id; /* of the fleet; branch_id NULL: none */
    const struct behaviour *behaviour;
    const struct version_set *versions;
    const struct version_set *previous; /* for each artifact, the version before the installed one */
    const struct version_set *versions_after, *previous_after; /* after the work */
    struct execution_log log;
    struct execution *work;           /* in progress */
    struct buffer late;               /* a reply to be sent at TIMER_LATE */
    int64_t timers_ms[DEVICE_TIMERS]; /* INT64_MAX: not set */
    int64_t epoch;                    /* the highest one seen */
    int64_t ask_until_ms;             /* wall clock; an answer is not needed after this time */
    int64_t asked_us;                 /* ask load: monotonic */
    int64_t down_ms;                  /* how long the link will be down after its next loss; -1: backoff */
    uint32_t index, branch;           /* in the shard */
    uint32_t next_waiting, next_donor;
    uint32_t unconfirmed;
    uint32_t connects, failures; /* failures to connect since the last success */
    uint32_t ask_tries, resend_tries;
    int32_t installs_left; /* `installing` reports that are still to be sent */
    enum device_role role;
    enum device_link link;
    bool is_pending; /* connecting, and counted as such */
    bool is_polled_for_writing, is_dirty;
    bool is_donor;
    bool is_resting;   /* it gave its connection up */
    bool has_finished; /* it has ended an instruction since it connected */
    bool must_ask;     /* it asks when it is ready or when its work has ended */
    bool is_asking;
    bool has_crashed; /* in the middle of its work */
    bool was_offline; /* it has been offline once */
};

struct branch {
    int64_t in_flight;
};

/* A call from another thread, to be run on the shard's thread. */
struct shard_mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    void (*call)(struct shard *shard, void *context); /* NULL: none */
    void *context;
    bool is_to_end;
};

struct shard {
    const struct simulation_config *config;
    size_t number; /* index among the shards */
    struct device *devices;
    size_t device_count;
    struct branch *branches;
    int epoll, wake;
    int64_t now_ms; /* monotonic, when this round of the loop began */
    struct timer_queue timers;
    struct admission admission;
    struct version_sets versions;
    struct counters counters;
    uint32_t *dirty; /* devices that may have something to write */
    size_t dirty_count;
    struct buffer payload, token;
    struct ask_load *ask_load; /* NULL: none runs */
    uint64_t random;
    bool is_leaving;
    struct text_set by_id; /* IDs to indexes of devices */
    struct shard_mailbox mailbox;
};

/* Sets a timer, and replaces its earlier time. */
void device_set_timer(struct device *device, enum device_timer timer, int64_t delay_ms);
void device_stop_timer(struct device *device, enum device_timer timer);
/* Returns `delay_ms` times 0.5 to 1.0, so that devices that were disconnected together do not return together. */
int64_t device_jitter_ms(struct device *device, int64_t delay_ms);

/* Events of a device. */
void device_ready(struct device *device);
void device_message(struct device *device, const struct topic *topic, const void *payload, size_t length,
                    bool is_retained);
void device_timer_due(struct device *device, enum device_timer timer);

/* command.c: reacts to commands, and asks. */
void command_start(struct device *node, const void *payload, size_t length);
void command_dispatch(struct device *device, const void *payload, size_t length);
/* Asks now if the device is ready and idle; else as soon as it is. */
void command_ask(struct device *device);
void command_ask_again(struct device *device);
void command_answered(struct device *device);

/* flood.c: a hostile device, from its connection on. */
void flood_begin(struct device *device);
void flood_send(struct device *device);

/* instruction.c */
void instruction_take(struct device *device, const void *token, size_t length);

/* work.c: receiving, installing, ending. */
/* Call it after setting versions_after and previous_after. */
void work_begin(struct device *device, struct execution *execution);
void work_step(struct device *device);
/* Goes on after a crash in the middle of the work. */
void work_resume(struct device *device);
/* Ends the work before it has had an effect. */
void work_refuse(struct device *device, struct execution *execution, enum report_state state, const char *code);

/* report.c: reports, the outbox and its confirms. */
void report_state(struct device *device, struct execution *execution, enum report_state state, int progress);
void report_end(struct device *device, struct execution *execution, enum report_state state, const char *code);
void report_again(struct device *device, struct execution *execution);
void report_resend_all(struct device *device);
void report_send_late(struct device *device);
void report_confirmed(struct device *device, const void *payload, size_t length);

#endif
