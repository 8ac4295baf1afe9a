/* What streams of events tell beside the log: the progress of rollouts, and how single devices are. Each function reads
 * for all listeners together. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_EVENT_FACTS_H
#define TELLERCAST_ORCHESTRATOR_STORE_EVENT_FACTS_H

#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rollouts whose progress is told. */
#define PROGRESS_ROLLOUTS_MAX 1000

/* `document` is a JSON object, which lives as long as the call that gives it. */
typedef void event_facts_take_progress(void *context, int64_t rollout, bool has_ended, const char *document);

/* Gives the counters of all rollouts that have not ended, and of those of `rollouts` that have. */
enum tc_error event_facts_read_progress(struct store *store, const int64_t *rollouts, size_t count,
                                        event_facts_take_progress *take, void *context, struct tc_fault *fault);

/* Sets `is_whole` of each of the rollouts: whether somebody sees all its devices who sees those in `patterns`. */
enum tc_error event_facts_read_whole(struct store *store, const char *patterns, const int64_t *rollouts, size_t count,
                                     bool *is_whole, struct tc_fault *fault);

typedef void event_facts_take_device(void *context, size_t place, const char *document);

/* Gives how each device is now that its patterns (NULL: anywhere) have; of others it gives nothing. */
enum tc_error event_facts_read_devices(struct store *store, const char *const *devices, const char *const *patterns,
                                       size_t count, event_facts_take_device *take, void *context,
                                       struct tc_fault *fault);

#endif
