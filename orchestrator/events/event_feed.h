/* Reads the log of events once for all who follow it at this orchestrator, and hands it out from memory, as
 * server-sent events: a reader costs the database nothing of its own, unless it begins far behind. Beside the log it
 * tells the progress of rollouts, at most once a second, and how single devices are.
 *
 * A reader has no queue: it has a place in what all share, so that a slow one takes no memory. When what it has not
 * taken yet is gone it gets `reset`, and ends. */
#ifndef TELLERCAST_ORCHESTRATOR_EVENTS_EVENT_FEED_H
#define TELLERCAST_ORCHESTRATOR_EVENTS_EVENT_FEED_H

#include "orchestrator/store/events.h"

#include <sys/types.h>

/* A comment is sent after so long without an event. */
#define FEED_HEARTBEAT_MS 15000
/* Of all readers, those of one person are at most one in so many. */
#define FEED_PERSON_SHARE 4
/* Events that are in memory. */
#define FEED_EVENTS 1024
/* Readers that follow single devices. */
#define FEED_DEVICES 256
/* Bytes of progress a second that all readers together get; with more it is told more rarely than once a second. */
#define FEED_PROGRESS_RATE 4194304
#define FEED_PROGRESS_MAX_MS 15000

struct event_feed;
struct feed_reader;

enum tc_error event_feed_open(const char *database, int reader_limit, struct event_feed **feed, struct tc_fault *fault);
/* Its readers must have left. NULL is allowed. */
void event_feed_close(struct event_feed *feed);
int64_t event_feed_last_progress_ms(const struct event_feed *feed);
/* Ends all readers: those that wait are woken, and get no more. Admits no others. */
void event_feed_end(struct event_feed *feed);

/* What a reader may want to know. */
enum feed_kind {
    FEED_ROLLOUT,
    FEED_GROUP,
    FEED_FREEZE,
    FEED_APPROVAL,
    FEED_ALARM,
    FEED_AMENDMENT,
    FEED_PROGRESS,
    FEED_KIND_COUNT,
};

#define FEED_KIND_BIT(kind) (1U << (kind))
#define FEED_EVERY_KIND (FEED_KIND_BIT(FEED_KIND_COUNT) - 1)

/* Sets the kind of this name. False: there is none. */
bool feed_kind_parse(const char *name, enum feed_kind *kind);

/* Whether a reader may go on. */
enum feed_standing {
    FEED_MAY,
    FEED_UNKNOWN, /* it cannot be told now: it gets nothing */
    FEED_MAY_NOT,
};

struct feed_reader_config {
    const char *person;
    const char *patterns; /* where it sees devices (struct access_scope); NULL: everywhere */
    bool sees_reviews, sees_people;
    const struct events_position *after; /* NULL: from now on, */
    bool from_oldest;                    /* or from the oldest event on */
    unsigned kinds;                      /* bits */
    int64_t rollout;                     /* this one's events alone; 0: all */
    bool ends;                           /* when it has what there is; or after seconds in which that cannot be told */
    const char *device;                  /* this one's state alone, and no events of the log; NULL: none */
    /* Called by the feed, which must not be called from them. `wait` in event_feed_take; the others on a thread of the
     * feed. */
    void (*wait)(void *context); /* there is nothing now */
    void (*wake)(void *context); /* after `wait`: take again */
    enum feed_standing (*check)(void *context);
    bool (*has_gone)(void *context); /* its client went: it is woken */
    void *context;
};

/* Adds a reader; texts are copied. TC_BUSY: there are as many as are allowed, or its person has too many.
 * TC_UNAVAILABLE: the feed ends. */
enum tc_error event_feed_join(struct event_feed *feed, const struct feed_reader_config *config,
                              struct feed_reader **reader, struct tc_fault *fault);
#define FEED_END (-1)
#define FEED_CUT (-2) /* the end of one that `ends`, before it had what there is */
/* Copies at most `size` of the bytes that the reader gets next. 0: it called `wait`; or FEED_END, FEED_CUT. One thread
 * at a time. */
ssize_t event_feed_take(struct feed_reader *reader, char *bytes, size_t size);
void event_feed_leave(struct feed_reader *reader);

#endif
