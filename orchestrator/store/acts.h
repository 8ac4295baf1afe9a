/* The record of acts in the database. The transaction of an act has its row: a store that has an act records it at the
 * next commit, and a function that acts begins its transaction by acts_begin, which wants one.
 *
 * The commit first decides again whether the actor may do it, by what the database has now of its credential and roles;
 * act->standing says what it found. TC_DENIED: it may not. TC_CONFLICT: its role counts in other scopes than before. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ACTS_H
#define TELLERCAST_ORCHESTRATOR_STORE_ACTS_H

#include "base/buffer.h"
#include "orchestrator/store/act.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* Sets the act that the next commit records; a rollback leaves it. NULL: none. It must outlive that. */
void acts_set(struct store *store, struct act *act);
/* The act that was set and is not recorded; NULL: none. For what the transaction finds out about it. */
struct act *acts_get(struct store *store);

/* As store_pool_take, with an act. store_pool_give leaves the store without one. */
struct store *acts_take_store(struct store_pool *pool, struct act *act);

/* TC_INTERNAL when the store has no act: a mistake of the caller, who may not change anything then. */
enum tc_error acts_check(const struct store *store, struct tc_fault *fault);
/* As store_begin, for a transaction that is an act, and ends by acts_end. */
enum tc_error acts_begin(struct store *store, struct tc_fault *fault);
/* Commits, or rolls back when `error` is not TC_OK. Returns the error. */
enum tc_error acts_end(struct store *store, enum tc_error error, struct tc_fault *fault);

/* Records acts that were not done, in a transaction of their own. */
enum tc_error acts_record(struct store *store, const struct act *acts, size_t count, struct tc_fault *fault);

/* Of a filter: the year 9999. */
#define ACT_TIME_MAX_MS INT64_C(253402300799999)

/* What to read: acts not before `since_ms`, and before `until_ms`, with one of the verbs. A text that is "" leaves all;
 * so do no verbs. */
struct act_filter {
    const char *person, *object_kind, *object;
    const char *const *verbs;
    size_t verb_count;
    int64_t since_ms, until_ms;
};

/* Appends a page as JSON, in the order of the times: {"acts":[…],"next":…}. */
enum tc_error acts_list(struct store *store, const struct act_filter *filter, int64_t after, int limit,
                        struct buffer *json, struct tc_fault *fault);

/* ---- the end of their retention: by the owner of the tables ---- */

struct expired_acts {
    int64_t first, last; /* numbers; last 0: there are none */
};

/* Begins a transaction in which acts may be deleted, and finds the acts that are older than `retention_ms`: the oldest
 * ones, up to the first that is not. TC_DENIED: the role of this connection may not delete any. */
enum tc_error acts_begin_expiry(struct store *store, int64_t retention_ms, struct expired_acts *expired,
                                struct tc_fault *fault);
/* Appends acts after number `*after` up to `last`, a line of JSON each; `*after` is the number of the last one. Sets
 * `*count`, 0 after the last. */
enum tc_error acts_read_expired(struct store *store, int64_t *after, int64_t last, int *count, struct buffer *lines,
                                struct tc_fault *fault);
/* Deletes them; acts_end commits that. TC_INTERNAL when they are not `count`. */
enum tc_error acts_delete_expired(struct store *store, int64_t last, int64_t count, struct tc_fault *fault);

#endif
