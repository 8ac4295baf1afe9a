/* The requests of the control socket. Private to control.c. */
#ifndef TELLERCAST_TESTS_FLEET_CONTROL_REQUEST_H
#define TELLERCAST_TESTS_FLEET_CONTROL_REQUEST_H

#include "tests/fleet/simulation.h"

#include <jansson.h>
#include <stdbool.h>

/* What a request that waits waits for. */
struct control_wait {
    json_t *request; /* owned; NULL: nobody waits */
    int64_t deadline_ms;
};

/* The answer, a new reference; NULL when it is to come later, from control_wait_answer. */
json_t *control_request_answer(struct simulation *simulation, const char *line, struct control_wait *wait,
                               bool *is_told_to_stop);
/* The answer when the wait is over, else NULL. */
json_t *control_wait_answer(struct simulation *simulation, struct control_wait *wait);

#endif
