/* The feed from inside. Private to its files. */
#ifndef TELLERCAST_ORCHESTRATOR_EVENTS_EVENT_FEED_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_EVENTS_EVENT_FEED_PRIVATE_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/events/event_feed.h"

#include <pthread.h>
#include <sys/queue.h>

/* An event of the log, as it is sent. */
struct feed_event {
    int64_t number; /* 0: none */
    enum feed_kind kind;
    bool needs_reviews, needs_people;
    int64_t rollout;
    char *text, *text_of_part; /* the second may be the first */
};

/* Readers who see the same devices. */
struct feed_audience {
    char *patterns; /* NULL: they see all */
    int readers;
    int64_t sighted;                   /* number of the last event that is known to be seen or hidden */
    unsigned char sights[FEED_EVENTS]; /* enum event_sight, of event `number` at number % FEED_EVENTS */
    int64_t *whole;                    /* rollouts of which it sees all devices */
    size_t whole_count;
    int64_t whole_ms; /* monotonic: when they were read; 0: never */
    TAILQ_ENTRY(feed_audience) link;
};

/* The progress of a rollout, as it is sent. */
struct feed_progress {
    int64_t rollout, change; /* number of its last change */
    bool has_ended;
    int64_t changed_ms; /* monotonic */
    char *text;
    TAILQ_ENTRY(feed_progress) link; /* the last changed is the last */
};

enum feed_place {
    FEED_NEW,     /* it joined after the log was last read */
    FEED_ASKED,   /* it has no place yet */
    FEED_BEHIND,  /* the next event is not in memory any more: it is read for this one */
    FEED_FOLLOWS, /* the next event is in memory, or to come */
};

struct feed_reader {
    struct event_feed *feed;
    struct feed_reader_config config; /* the texts in it are owned; `after` is not kept */
    char person[TC_ID_SIZE];
    struct events_position after; /* epoch 0: from now on */
    struct feed_audience *audience;
    enum feed_place place;
    int64_t number;        /* of the last event that it got, or that was not for it */
    int64_t sent_position; /* number of the last position that it got */
    int64_t change;        /* of the last progress that it got */
    char *device_text;     /* what it last got of its device */
    struct buffer rest;    /* to send first */
    size_t rest_at;
    int64_t sent_ms, checked_ms, known_ms;     /* monotonic; the last: all that it is to get was known */
    bool has_all;                              /* that there was, and wants no more */
    bool waits, is_ending, is_paused, is_used; /* used: by the thread of the feed, without the lock */
    bool has_left;
    TAILQ_ENTRY(feed_reader) link;
};

struct event_feed {
    struct store *store; /* of the thread */
    struct batch_queue *wakes;
    struct worker *worker;
    int reader_limit;
    int64_t cycle_ms; /* monotonic; the thread's, as the next one */
    bool is_read;     /* in this cycle: the log, up to its end */

    pthread_mutex_t lock; /* of all that follows */
    bool is_ending;
    int count;
    TAILQ_HEAD(feed_readers, feed_reader) readers;
    TAILQ_HEAD(feed_audiences, feed_audience) audiences;
    bool is_placed; /* the next two are set */
    struct events_position newest;
    int64_t first; /* number of the oldest event in memory, or of the next one */
    struct feed_event events[FEED_EVENTS];
    TAILQ_HEAD(feed_progresses, feed_progress) progress;
    int64_t change; /* number of the last change of a progress, */
    int64_t told;   /* and of the last one of which it is known who sees it */
    bool is_told;   /* it was read when last tried */
    int64_t progress_due_ms, devices_due_ms;
};

/* With the lock held. */

/* Puts an event without data: its reader's position. */
void feed_put_position(struct feed_reader *reader, const struct events_position *position);
void feed_put_reset(struct feed_reader *reader, const struct events_position *position, const char *reason);
/* Drops what the reader has not taken of what was put for it. */
void feed_drop_rest(struct feed_reader *reader);
/* Whether the reader gets an event, of which its audience sees as much. */
bool feed_is_for(const struct feed_reader *reader, const struct feed_event *event, enum event_sight sight);
/* Whether the reader gets any progress; this one. */
bool feed_wants_progress(const struct feed_reader *reader);
bool feed_progress_is_for(const struct feed_reader *reader, const struct feed_progress *progress);
/* For sorted arrays of int64_t. */
int feed_compare_numbers(const void *one, const void *other);
/* Releases a reader that is used no more, and frees one that left meanwhile. */
void feed_stop_using(struct feed_reader *reader);

/* feed_log.c, on the thread of the feed, without the lock. */

/* Reads what is new in the log, and who sees it. */
void feed_read_log(struct event_feed *feed);
/* Reads for those who are behind. */
void feed_catch_up(struct event_feed *feed);
/* Forgets all events; with the lock. */
void feed_forget(struct event_feed *feed);

/* feed_facts.c, on the thread of the feed, without the lock. */
void feed_read_progress(struct event_feed *feed, int64_t now_ms);
void feed_read_devices(struct event_feed *feed, int64_t now_ms);
/* Forgets all progress; with the lock. */
void feed_forget_progress(struct event_feed *feed);

#endif
