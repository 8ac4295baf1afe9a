/* The view of a watched rollout: read from the daemon's document, drawn as a bar per group or described in a line.
 * One thread. */
#ifndef TELLERCAST_CTL_SCREEN_ROLLOUT_VIEW_H
#define TELLERCAST_CTL_SCREEN_ROLLOUT_VIEW_H

#include "base/id.h"
#include "clients/ctl/screen/bar.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATE_NAME_SIZE = 32 };

/* Numbers of devices by outcome. */
struct rollout_share {
    struct bar_share bar; /* `bar.failed` counts failed, timed out and refused devices */
    int64_t failed;       /* or timed out */
    int64_t refused;
    int64_t not_started;
    int64_t retrying; /* not ended, and the last attempt failed */
};

struct group_view {
    char name[TC_ID_SIZE];
    char state[STATE_NAME_SIZE]; /* as shown: an open group of a rollout that was given up is "cancelled" */
    struct rollout_share share;
    struct meter meter;
    bool runs;              /* the rollout is running; a paused one has no rate */
    int64_t soaks_until_ms; /* -1: not soaking */
    bool waits;             /* for a person's decision that is still missing */
};

struct rollout_view {
    int64_t id;
    char name[TC_ID_SIZE];
    char state[STATE_NAME_SIZE];
    char detail[256];
    int64_t version;           /* 0: unknown */
    bool waits;                /* it runs, but all open groups wait for an approval */
    uint32_t stage;            /* changes when a group starts or stops soaking or waiting for a person */
    int64_t duration_ms;       /* from the first start to the last completion; -1: unknown */
    int64_t left_ms;           /* until the end that the server forecast; -1: no forecast, or overdue */
    struct group_view *groups; /* owned */
    size_t group_count;
    struct group_view all; /* the sum of the groups */
};

/* Reads `devices`, `counts`, `retrying` and `given_up` of a group's or a rollout's document. */
struct rollout_share rollout_share_read(const json_t *document);
/* Returns the number of completed, failed and refused devices. */
int64_t rollout_share_ended(const struct rollout_share *share);
/* Writes "3 failed, 2 refused, 5 not started, 1 to be retried": counts above 0, the first after `before`. */
void rollout_share_put(const struct rollout_share *share, const char *before, const char *between, struct buffer *out);

/* Reads a new document; the meters keep their samples. False when it is not a rollout's. */
bool rollout_view_read(struct rollout_view *view, const json_t *document, int64_t now_ms);
void rollout_view_free(struct rollout_view *view);

/* Draws a heading and a bar per group, with the columns of all rollouts aligned. `state_tone` returns the tone of a
 * rollout's state. */
void rollout_views_draw(const struct rollout_view *views, size_t count, enum tone (*state_tone)(const char *state),
                        const struct screen *screen, struct buffer *out);

/* "atm-app-4.7.2 (rollout 42): running, 1,204 of 2,008 ended, 3 failed, 61/s, ETA 14 s" without an end of line. */
void rollout_view_describe(const struct rollout_view *view, struct buffer *out);

enum tone group_state_tone(const char *state);
/* Writes a group's state in words: "soaks to 12-03 04:00Z", "awaiting approval". */
void group_state_put(const struct group_view *group, struct buffer *out);
/* Returns whether a group can be approved or rejected, by its document and the state of its rollout. */
bool group_awaits_approval(const json_t *group, const char *rollout_state);
/* The same, until a person has decided. */
bool group_awaits_decision(const json_t *group, const char *rollout_state);
/* Reads a group's document. Returns -1 when the group does not soak. */
int64_t group_soaks_until_ms(const json_t *group);
/* Returns a group's state as it is shown, by its document and the state of its rollout. */
const char *group_state_shown(const json_t *group, const char *rollout_state);
/* Returns whether the group has a rate. */
bool group_view_has_rate(const struct group_view *group);

/* Write parts of these, each after `between`, or nothing: the rate "61/s"; the server's forecast "ETA 14 s"; the time
 * it took "in 12 s" and its rate "167/s". */
void group_view_put_rate(const struct group_view *group, const char *between, struct buffer *out);
void rollout_view_put_eta(const struct rollout_view *view, const char *between, struct buffer *out);
void rollout_view_put_duration(const struct rollout_view *view, const char *between, struct buffer *out);

#endif
