/* What a simulated fleet counts. Each shard counts for itself, on its own thread; sums are made of copies. */
#ifndef TELLERCAST_TESTS_FLEET_COUNTERS_H
#define TELLERCAST_TESTS_FLEET_COUNTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define FLEET_COUNTERS(COUNTER)                                                                                        \
    COUNTER(CONNECTED, connected)                           /* subscribed, and ready to be commanded */                \
    COUNTER(CONNECTING, connecting)                                                                                    \
    COUNTER(WAITING, waiting)                               /* for a free connection */                                \
    COUNTER(CONNECTS, connects)                                                                                        \
    COUNTER(CONNECT_FAILURES, connect_failures)                                                                        \
    COUNTER(DISCONNECTS, disconnects)                                                                                  \
    COUNTER(STARTS, starts)                                 /* start commands that nodes received */                   \
    COUNTER(RELAYED, relayed)                               /* dispatches that nodes sent */                           \
    COUNTER(DISPATCHES, dispatches)                         /* dispatches that ATMs received */                        \
    COUNTER(ASKS, asks)                                                                                                \
    COUNTER(ASKS_AGAIN, asks_again)                         /* of them, because no answer came */                      \
    COUNTER(INSTRUCTIONS, instructions)                     /* messages with an instruction */                         \
    COUNTER(NOTHINGS, nothings)                             /* empty messages on an instruction topic */               \
    COUNTER(VERIFIED, verified)                             /* signature, form and address are right */                \
    COUNTER(REFUSED, refused)                               /* not verified, or out of time */                         \
    COUNTER(REPEATED, repeated)                             /* instructions that were known already */                 \
    COUNTER(EXECUTED, executed)                                                                                        \
    COUNTER(DOUBLE_EXECUTIONS, double_executions)           /* beyond one per (device, instruction, attempt) */        \
    COUNTER(AFTER_COMPLETED, after_completed)               /* executions of an instruction that was completed before */ \
    COUNTER(EXECUTING, executing)                                                                                      \
    COUNTER(RECEIVED, received)                             /* reports by state, resends and duplicates not counted */ \
    COUNTER(DEFERRED, deferred)                                                                                        \
    COUNTER(INSTALLING, installing)                                                                                    \
    COUNTER(COMPLETED, completed)                                                                                      \
    COUNTER(FAILED, failed)                                                                                            \
    COUNTER(REJECTED, rejected)                                                                                        \
    COUNTER(RESENDS, resends)                                                                                          \
    COUNTER(UNCONFIRMED, unconfirmed)                       /* final reports that wait for their confirm */            \
    COUNTER(CONFIRMS, confirms)                                                                                        \
    COUNTER(CONFIRMS_REFUSED, confirms_refused)             /* of them, with accepted false */                         \
    COUNTER(ACCEPTED, accepted)                             /* reports of any state that are accepted, each once */    \
    COUNTER(CONFIRMED, confirmed)                           /* final reports that were confirmed */                    \
    COUNTER(CONFIRMED_COMPLETED, confirmed_completed)                                                                  \
    COUNTER(GARBAGE, garbage)                               /* messages that could not be read */

/* clang-format on */

#define FLEET_COUNTER_CONSTANT(constant, name) COUNT_##constant,
enum fleet_counter { FLEET_COUNTERS(FLEET_COUNTER_CONSTANT) FLEET_COUNTER_COUNT };

struct counters {
    int64_t values[FLEET_COUNTER_COUNT];
    int64_t first_start_ms, last_confirm_ms; /* monotonic; 0: not yet */
    int64_t most_in_flight;                  /* executions at once in one branch, its node included */
};

void counters_add(struct counters *sum, const struct counters *part);
/* The values by name; a new reference. */
json_t *counters_json(const struct counters *counters);
/* False when there is no such counter. */
bool counters_find(const struct counters *counters, const char *name, int64_t *value);

#endif
