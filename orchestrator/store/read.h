/* What the HTTP door shows, read from the database as ready JSON documents. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_READ_H
#define TELLERCAST_ORCHESTRATOR_STORE_READ_H

#include "base/buffer.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* A page of a list, by key: `after` is the last key of the page before ("" or 0 for the first). */
#define READ_PAGE_MAX 1000

/* Each appends one JSON document to `json`. TC_NOT_FOUND when what was named is not there;
 * TC_UNAVAILABLE when the database is not. */
enum tc_error read_rollouts(struct store *store, int64_t after, int limit, struct buffer *json, struct tc_fault *fault);
enum tc_error read_rollout(struct store *store, int64_t id, struct buffer *json, struct tc_fault *fault);
/* state and group: "" for all. */
enum tc_error read_instructions(struct store *store, int64_t rollout, const char *state, const char *group,
                                int64_t after, int limit, struct buffer *json, struct tc_fault *fault);
enum tc_error read_devices(struct store *store, const char *after, int limit, struct buffer *json,
                           struct tc_fault *fault);
enum tc_error read_device(struct store *store, const char *id, struct buffer *json, struct tc_fault *fault);
/* What the progress topic of a rollout says. */
enum tc_error read_progress(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault);
enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault);

#endif
