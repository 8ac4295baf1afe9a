/* The control socket of tellercast-fleet. A request is a JSON object on one line, and so is its answer.
 *
 *   {"do":"counters"}
 *   {"do":"wait","connected":2000,"confirmed_completed":10,"timeout_ms":60000}   waits until each is at least that
 *   {"do":"wait_below","unconfirmed":1,"timeout_ms":60000}                       waits until each is below that
 *   {"do":"device","id":"B0042-A1"}
 *   {"do":"executions"}, {"do":"executions","match":"B0042-*"}                   also list the matching devices,
 *   {"do":"executions","match":"*","from_rollout":7}                             only of rollout 7 and later ones
 *   {"do":"versions"}
 *   {"do":"ask_all"}, {"do":"ask_all","match":"B0042*"}
 *   {"do":"disconnect","match":"B0042*","clean":false,"for_ms":5000}
 *   {"do":"stop"}
 *
 * Every answer has "ok"; if it is false, "error" says why. Used by the thread that opened it. */
#ifndef TELLERCAST_TESTS_FLEET_CONTROL_H
#define TELLERCAST_TESTS_FLEET_CONTROL_H

#include "base/fault.h"
#include "tests/fleet/simulation.h"

#include <stdbool.h>
#include <stdint.h>

struct control;

/* Creates the socket at `path`, and removes one that is there. control_close removes it, too. NULL: no socket. */
enum tc_error control_open(const char *path, struct simulation *simulation, struct control **control,
                           struct tc_fault *fault);
void control_close(struct control *control);

/* Serves requests until `also_fd` is readable or `timeout_ms` have passed. Returns false after a request to stop. */
bool control_serve(struct control *control, int also_fd, int64_t timeout_ms);

#endif
