/* The requests of the control socket. Private to control.c. */
#ifndef TELLERCAST_TESTS_FLEET_CONTROL_REQUEST_H
#define TELLERCAST_TESTS_FLEET_CONTROL_REQUEST_H

#include "tests/fleet/simulation.h"

#include <jansson.h>
#include <stdbool.h>

/* A request that waits for a condition. */
struct control_wait {
    json_t *request; /* owned; NULL: no request waits */
    int64_t deadline_ms;
};

/* Returns the answer as a new reference. NULL: the request waits; control_wait_answer gives the answer later. */
json_t *control_request_answer(struct simulation *simulation, const char *line, struct control_wait *wait,
                               bool *is_told_to_stop);
/* Returns the answer when the wait is over, else NULL. */
json_t *control_wait_answer(struct simulation *simulation, struct control_wait *wait);

#endif
