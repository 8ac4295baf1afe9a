/* A rollout as it is watched: read from the daemon's document, drawn as a bar a group, or told in a line.
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

struct group_view {
    char name[TC_ID_SIZE];
    char state[STATE_NAME_SIZE];
    struct bar_share share;
    struct meter meter;
    int64_t soaks_until_ms; /* -1: it does not soak now */
    bool waits;             /* for a person's word, which was not given yet */
};

struct rollout_view {
    int64_t id;
    char name[TC_ID_SIZE];
    char state[STATE_NAME_SIZE];
    char detail[256];
    int64_t version;           /* 0: not told */
    bool waits;                /* it runs, but nothing goes on until a person approves a group */
    uint32_t stage;            /* another one when a group begins or ends to soak or to wait for a person */
    int64_t took_ms;           /* from the first start to the last completed; -1 while that is not known */
    struct group_view *groups; /* owned */
    size_t group_count;
    struct group_view all; /* the sum of the groups */
};

/* What of a group's or a rollout's `counts` is completed, failed, under way, by the states' names. */
struct bar_share rollout_share_read(const json_t *counts, int64_t total);

/* Takes a new document in; the meters keep what they had. False when it is not a rollout's. */
bool rollout_view_read(struct rollout_view *view, const json_t *document, int64_t now_ms);
void rollout_view_free(struct rollout_view *view);

/* Draws a heading and a bar a group, for several rollouts with their columns aligned. `state_tone` gives the tone
 * of a rollout's state. */
void rollout_views_draw(const struct rollout_view *views, size_t count, enum tone (*state_tone)(const char *state),
                        const struct look *look, struct buffer *out);

/* "atm-app-4.7.2 (rollout 42): running, 1,204 of 2,008 ended, 3 failed, 61/s, ETA 14 s" without an end of line. */
void rollout_view_tell(const struct rollout_view *view, struct buffer *out);

enum tone group_state_tone(const char *state);
/* "soaks to 12-03 04:00Z", "awaiting approval": a group's state in words. */
void group_state_put(const struct group_view *group, struct buffer *out);
/* Of a group's document: true until somebody has said yes or no to it. */
bool group_waits_for_person(const json_t *group);
/* Of a group's document: -1 when it does not soak. */
int64_t group_soaks_until_ms(const json_t *group);
/* True while a pace can be told of it. */
bool group_view_moves(const struct group_view *group);

/* Parts of these, each begun with `between`; nothing when there is nothing to say: "61/s", "ETA 14 s"; "in 12 s",
 * "167/s". */
void group_view_put_pace(const struct group_view *group, const char *between, struct buffer *out);
void rollout_view_put_took(const struct rollout_view *view, const char *between, struct buffer *out);

#endif
