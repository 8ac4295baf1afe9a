/* The true time on a device whose own clock may be wrong by years. One thread.
 *
 * Its source is the `iat` of a signed answer that repeats the nonce of an ask of our own: it was signed after the ask
 * was made. Only such a proven answer sets the clock first, or moves it back. One that differs by more than an hour
 * from the device's time is doubted until a second one, three seconds later or more, agrees: a server whose clock is
 * wrong for a moment changes nothing. From there a clock that only goes forward counts on, so a wall clock that is set
 * while the agent runs changes nothing.
 *
 * Before the first answer the wall clock counts, but never a time before the latest `iat` of earlier runs.
 *
 * Orchestrators of an earlier version repeat no nonce. As long as no token with a nonce was ever seen, the rule of
 * their time holds: an unproven answer to an ask of our own moves the clock forward; the first one is doubted when it
 * is far behind the wall clock, for it may be a replay. A second answer decides: a live one is younger than the first
 * by the time between them. */
#ifndef TELLERCAST_CLIENTS_AGENT_DEVICE_CLOCK_H
#define TELLERCAST_CLIENTS_AGENT_DEVICE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The session expiry that clients ask the broker for. */
#define AGENT_SESSION_EXPIRY_S 604800

/* How long to wait before a second answer is asked for: `iat` counts whole seconds. */
#define DEVICE_CLOCK_SECOND_ASK_MS 3000

struct agent_time {
    int64_t monotonic_ms; /* goes on while the machine sleeps */
    int64_t wall_ms;
};

struct device_clock_point {
    bool is_set;
    int64_t true_ms;
    int64_t monotonic_ms;
};

struct device_clock {
    int64_t floor_ms;                  /* the latest `iat` of earlier runs */
    bool is_proof_needed;              /* the orchestrators repeat nonces, as this run or an earlier one has seen */
    struct device_clock_point known;   /* from the answers of this run */
    struct device_clock_point doubted; /* an answer that differs too much to count alone */
};

/* False for a time that no orchestrator can have: such an answer changes nothing. */
bool device_clock_is_possible(int64_t issued_at_s);

int64_t device_clock_now_ms(const struct device_clock *clock, struct agent_time now);
/* True when the time comes from answers, not from the wall clock, and no answer is doubted. */
bool device_clock_is_known(const struct device_clock *clock);
/* True when it is known by answers that prove it, the last of which is not older than a day: then the dates of
 * certificates are checked by it. After a day without an answer they are not, so that a server whose clock was wrong
 * for a while locks no device out for good. */
bool device_clock_is_proven(const struct device_clock *clock, struct agent_time now);
/* True when it is known, and an answer has confirmed it within the last minute. */
bool device_clock_is_fresh(const struct device_clock *clock, struct agent_time now);

/* True when an answer is doubted and one that arrives at `arrived` decides whether it was right. */
bool device_clock_is_second(const struct device_clock *clock, struct agent_time arrived);

/* The orchestrators repeat nonces: from now on no answer without a proof counts. */
void device_clock_need_proof(struct device_clock *clock);
/* An answer arrived that repeats the nonce of an ask that was made `age_ms` ago. */
void device_clock_learn_proven(struct device_clock *clock, int64_t issued_at_s, int64_t age_ms,
                               struct agent_time arrived);
/* An answer to our own ask arrived that repeats no nonce. It changes nothing when it is behind the known time, or once
 * proof is needed. */
void device_clock_learn_unproven(struct device_clock *clock, int64_t issued_at_s, struct agent_time arrived);

/* Returns how long a command (start, dispatch) is valid: until `expires_ms`; 0: it has expired. A command only makes
 * the device ask, and the answer carries the time. So while no answer has confirmed the time lately, a command that
 * looks expired is valid for a minute. The broker keeps no command longer than the session expiry. So a command that
 * looks older, or is valid for longer, shows that the device's clock is wrong: then it is valid for ten minutes. */
int64_t device_clock_time_left_ms(const struct device_clock *clock, int64_t expires_ms, struct agent_time now);

#endif
