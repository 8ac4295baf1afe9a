/* Counters of a simulated fleet. Each shard counts on its own thread; sums are made from copies. */
#ifndef TELLERCAST_TESTS_FLEET_COUNTERS_H
#define TELLERCAST_TESTS_FLEET_COUNTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define FLEET_COUNTERS(COUNTER)                                                                                        \
    COUNTER(CONNECTED, connected)                           /* subscribed, and ready for commands */                   \
    COUNTER(CONNECTING, connecting)                                                                                    \
    COUNTER(WAITING, waiting)                               /* devices waiting for a free connection */                \
    COUNTER(CONNECTS, connects)                                                                                        \
    COUNTER(CONNECT_FAILURES, connect_failures)                                                                        \
    COUNTER(DISCONNECTS, disconnects)                                                                                  \
    COUNTER(STARTS, starts)                                 /* start commands that nodes received */                   \
    COUNTER(RELAYED, relayed)                               /* dispatches that nodes sent */                           \
    COUNTER(DISPATCHES, dispatches)                         /* dispatches that ATMs received */                        \
    COUNTER(ASKS, asks)                                                                                                \
    COUNTER(ASKS_AGAIN, asks_again)                         /* of these, repeated because no answer came */            \
    COUNTER(INSTRUCTIONS, instructions)                     /* messages with an instruction */                         \
    COUNTER(NOTHINGS, nothings)                             /* empty messages on an instruction topic */               \
    COUNTER(VERIFIED, verified)                             /* signature, form and device are right */                 \
    COUNTER(REFUSED, refused)                               /* not verified, or not valid at this time */              \
    COUNTER(REPEATED, repeated)                             /* instructions that the device already knew */            \
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
    COUNTER(UNCONFIRMED, unconfirmed)                       /* final reports without a confirm yet */                  \
    COUNTER(CONFIRMS, confirms)                                                                                        \
    COUNTER(CONFIRMS_REFUSED, confirms_refused)             /* of these, with accepted false */                        \
    COUNTER(ACCEPTED, accepted)                             /* accepted reports of any state, each once */             \
    COUNTER(CONFIRMED, confirmed)                           /* final reports that were confirmed */                    \
    COUNTER(CONFIRMED_COMPLETED, confirmed_completed)                                                                  \
    COUNTER(GARBAGE, garbage)                               /* unreadable messages */                                  \
    COUNTER(FLOOD_ASKS, flood_asks)                         /* of hostile devices */                                   \
    COUNTER(FLOOD_REPORTS, flood_reports)                                                                              \
    COUNTER(FLOOD_ANSWERS, flood_answers)                   /* messages on their instruction topics */

/* clang-format on */

#define FLEET_COUNTER_CONSTANT(constant, name) COUNT_##constant,
enum fleet_counter { FLEET_COUNTERS(FLEET_COUNTER_CONSTANT) FLEET_COUNTER_COUNT };

struct counters {
    int64_t values[FLEET_COUNTER_COUNT];
    int64_t first_start_ms, last_confirm_ms; /* monotonic; 0: not yet */
    int64_t most_in_flight;                  /* executions at once in one branch, its node included */
};

void counters_add(struct counters *sum, const struct counters *part);
/* Returns the values by name; a new reference. */
json_t *counters_json(const struct counters *counters);
/* Returns false when there is no such counter. */
bool counters_find(const struct counters *counters, const char *name, int64_t *value);

#endif
