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

enum device_timer { TIMER_LINK, TIMER_ASK, TIMER_WORK, TIMER_RESEND, TIMER_LATE, TIMER_OFFLINE, DEVICE_TIMERS };

enum device_link {
    LINK_DOWN,        /* until TIMER_LINK */
    LINK_WAITING,     /* for a connection, in the admission's queue */
    LINK_CONNECTING,  /* until the broker has accepted it, or TIMER_LINK */
    LINK_SUBSCRIBING, /* likewise; retained messages come already */
    LINK_READY,
    LINK_CLOSING, /* nothing is said or heard any more */
};

struct device {
    struct shard *shard;
    struct mosquitto *session;
    const char *id, *branch_id; /* of the fleet; branch_id NULL: none */
    const struct behaviour *behaviour;
    const struct version_set *versions;
    const struct version_set *previous; /* of each artifact, the version before the one that is installed */
    const struct version_set *versions_after, *previous_after; /* the work */
    struct execution_log log;
    struct execution *work;           /* under way */
    struct buffer late;               /* a reply that is held back until TIMER_LATE */
    int64_t timers_ms[DEVICE_TIMERS]; /* INT64_MAX: not set */
    int64_t epoch;                    /* the highest seen */
    int64_t ask_until_ms;             /* wall clock; nobody waits for an answer after it */
    int64_t asked_us;                 /* ask load: monotonic */
    int64_t down_ms;                  /* how long the next loss of the link lasts; -1: backoff */
    uint32_t index, branch;           /* in the shard */
    uint32_t next_waiting, next_donor;
    uint32_t unconfirmed;
    uint32_t connects, failures; /* of connecting, since the last success */
    uint32_t ask_tries, resend_tries;
    int32_t installs_left; /* `installing` reports */
    enum device_role role;
    enum device_link link;
    bool is_pending; /* connecting, and counted as such */
    bool is_polled_for_writing, is_dirty;
    bool is_donor;
    bool is_resting;   /* it gave its connection away */
    bool has_finished; /* an instruction, since it connected */
    bool must_ask;     /* when it is ready, or its work has ended */
    bool is_asking;
    bool has_crashed; /* in the middle of its work */
    bool was_offline; /* has had its time offline */
};

struct branch {
    int64_t in_flight;
};

/* Work that another thread has for the shard's thread. */
struct shard_mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    void (*call)(struct shard *shard, void *context); /* NULL: none */
    void *context;
    bool is_to_end;
};

struct shard {
    const struct simulation_config *config;
    size_t number; /* among the shards */
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
    struct ask_load *ask_load; /* NULL but while one runs */
    uint64_t random;
    bool is_leaving;
    struct text_set by_id; /* to indexes of devices */
    struct shard_mailbox mailbox;
};

/* Sets a timer, in place of what it was set to. */
void device_set_timer(struct device *device, enum device_timer timer, int64_t delay_ms);
void device_stop_timer(struct device *device, enum device_timer timer);
/* `delay_ms` times 0.5 to 1.0, so that what went down together does not come back together. */
int64_t device_jitter_ms(struct device *device, int64_t delay_ms);

/* What happens to a device. */
void device_ready(struct device *device);
void device_message(struct device *device, const struct topic *topic, const void *payload, size_t length,
                    bool is_retained);
void device_timer_due(struct device *device, enum device_timer timer);

/* command.c: what a device does when it is told to ask, and asking itself. */
void command_start(struct device *node, const void *payload, size_t length);
void command_dispatch(struct device *device, const void *payload, size_t length);
/* Asks now, when it is ready, or when what is under way has ended. */
void command_ask(struct device *device);
void command_ask_again(struct device *device);
void command_answered(struct device *device);

/* instruction.c */
void instruction_take(struct device *device, const void *token, size_t length);

/* work.c: receiving, installing, ending. */
/* Once versions_after and previous_after are set. */
void work_begin(struct device *device, struct execution *execution);
void work_step(struct device *device);
/* It is back after a crash in the middle of its work. */
void work_resume(struct device *device);
/* An end before any effect. */
void work_refuse(struct device *device, struct execution *execution, enum report_state state, const char *code);

/* report.c: reports, the outbox and its confirms. */
void report_state(struct device *device, struct execution *execution, enum report_state state, int progress);
void report_end(struct device *device, struct execution *execution, enum report_state state, const char *code);
void report_again(struct device *device, struct execution *execution);
void report_resend_all(struct device *device);
void report_send_late(struct device *device);
void report_confirmed(struct device *device, const void *payload, size_t length);

#endif
