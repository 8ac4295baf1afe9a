/* The true time on a device whose own clock may be wrong by years. One thread.
 *
 * Its source is the `iat` of signed instructions that came as answers to asks of our own: such a one is
 * as old as the connection is slow. From there the monotonic clock counts on, so a wall clock that is
 * set while the agent runs changes nothing.
 *
 * Before the first answer the wall clock has to do, but never a time before the latest `iat` of earlier
 * runs. A first answer far behind the wall clock leaves two explanations: the wall clock is wrong, or the
 * answer is an old one that somebody repeats. A second answer tells: a live one is younger than the first
 * by the time that went by between them. One that comes too soon to tell (for an ask of another cause) tells nothing.
 */
#ifndef TELLERCAST_CLIENTS_AGENT_DEVICE_CLOCK_H
#define TELLERCAST_CLIENTS_AGENT_DEVICE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The session expiry that clients ask the broker for. */
#define AGENT_SESSION_EXPIRY_S 604800

/* How long to wait before a second answer is asked for: `iat` counts whole seconds. */
#define DEVICE_CLOCK_SECOND_ASK_MS 3000

struct agent_time {
    int64_t monotonic_ms;
    int64_t wall_ms;
};

struct device_clock_point {
    bool is_set;
    int64_t true_ms;
    int64_t monotonic_ms;
};

struct device_clock {
    int64_t floor_ms;                  /* the latest `iat` of earlier runs */
    struct device_clock_point known;   /* from the answers of this run */
    struct device_clock_point doubted; /* a first answer, far behind the wall clock */
};

int64_t device_clock_now_ms(const struct device_clock *clock, struct agent_time now);
/* True when the time comes from an answer, not from the wall clock. */
bool device_clock_is_known(const struct device_clock *clock);

/* True when the first answer was doubted, and an answer that arrives then tells who was right. */
bool device_clock_is_second(const struct device_clock *clock, struct agent_time arrived);

/* An answer to our own ask arrived. An `iat` behind what is known changes nothing. */
void device_clock_learn(struct device_clock *clock, int64_t issued_at_s, struct agent_time arrived);

/* How long a command (start, dispatch) is good for: until `expires_ms`, 0 when that has gone by. The
 * broker keeps no command longer than the session expiry, so one that looks older, or that lasts longer,
 * shows that the device's clock is wrong: it then is good for ten minutes, as a command only makes the
 * device ask. */
int64_t device_clock_time_left_ms(const struct device_clock *clock, int64_t expires_ms, struct agent_time now);

#endif
