/* The deliveries of one webhook: a thread that posts the events of the log in their order, while this orchestrator is
 * the conductor, and keeps the position after each answer. Private to webhooks.c. */
#ifndef TELLERCAST_ORCHESTRATOR_WEBHOOKS_DELIVERY_H
#define TELLERCAST_ORCHESTRATOR_WEBHOOKS_DELIVERY_H

#include "orchestrator/webhooks/webhooks.h"

struct delivery;

/* Starts the thread. Takes over what `settings` owns, also on an error. */
enum tc_error delivery_open(const struct webhooks_config *config, struct webhook_settings *settings,
                            struct delivery **delivery, struct tc_fault *fault);
/* Ends a request that is under way, and does not wait for that: the event is posted again by who delivers next. NULL is
 * allowed, as by delivery_close, which waits. */
void delivery_stop(struct delivery *delivery);
void delivery_close(struct delivery *delivery);

const struct webhook_settings *delivery_settings(const struct delivery *delivery);
/* A receiver that wanted no more is asked again. Any thread. */
void delivery_begin_again(struct delivery *delivery);
int64_t delivery_last_progress_ms(const struct delivery *delivery);

/* How long to wait after `tries` tries that failed: a second, doubled with each, up to five minutes; and of that
 * between half and all, by `random`. */
int64_t delivery_pause_ms(int64_t tries, uint32_t random);

#endif
