/* The JSON documents that the HTTP endpoint serves, read from the database. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_READ_H
#define TELLERCAST_ORCHESTRATOR_STORE_READ_H

#include "base/buffer.h"
#include "orchestrator/rollout/presence.h"
#include "orchestrator/store/finding.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* Lists are read in pages: `after` is the last key of the previous page ("" or 0 for the first). */
#define READ_PAGE_MAX 1000

/* Each appends one JSON document to `json`. TC_NOT_FOUND: no entry has this name or ID; TC_UNAVAILABLE: the database is
 * unavailable. */
/* patterns: the reader sees only devices in these (struct access_scope), and of a rollout only these; NULL: all. */
/* reference: the rollouts with this name or ID only, at most two. NULL: all. */
enum tc_error read_rollouts(struct store *store, const char *patterns, const char *reference, int64_t after, int limit,
                            struct buffer *json, struct tc_fault *fault);
enum tc_error read_rollout(struct store *store, const char *patterns, int64_t id, struct buffer *json,
                           struct tc_fault *fault);
/* state: of a state or a substate; state and group: "" for all. */
enum tc_error read_instructions(struct store *store, const char *patterns, int64_t rollout, const char *state,
                                const char *group, int64_t after, int limit, struct buffer *json,
                                struct tc_fault *fault);
enum tc_error read_device(struct store *store, const char *patterns, const char *id, struct buffer *json,
                          struct tc_fault *fault);
/* The forecasts of a rollout. Its assumptions are names of enum forecast_assumption. */
enum tc_error read_forecast(struct store *store, const char *patterns, int64_t rollout, struct buffer *json,
                            struct tc_fault *fault);
/* The message of a rollout's progress topic. */
enum tc_error read_progress(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault);
/* Fills in, by enum fleet_warning_kind, entries of the fleet that an import would refuse now. broker_user: "" for
 * none. */
enum tc_error read_fleet_warnings(struct store *store, const char *broker_user, struct fleet_warning *warnings,
                                  struct tc_fault *fault);
/* The devices that run a version or have an instruction to install it in flight; "next" is null on the last page, and a
 * page before it can be short. */
enum tc_error read_affected(struct store *store, const char *patterns, const char *name, const char *version,
                            const char *after, int limit, struct buffer *json, struct tc_fault *fault);
enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault);

#endif
