/* Queries on what each device has in flight: of the dispatcher, which answers asks, and of the conductor, which
 * publishes and caches everything again. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ASSIGNMENT_H
#define TELLERCAST_ORCHESTRATOR_STORE_ASSIGNMENT_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/store/store.h"
#include "topics/message.h"

#include <stddef.h>

struct assignment {
    char device[TC_ID_SIZE];
    bool known;          /* the device is in the fleet, with a role that this version knows */
    int64_t instruction; /* 0: it has none in flight */
    int64_t rollout;
    int64_t epoch;
    int64_t start_before_s;
    int32_t attempt;
    enum device_role role;
    bool out_of_service;
    /* Of assignment_find: */
    int64_t recall;            /* epoch of the restore that the device must still report about; 0: none */
    int64_t recall_since_s;    /* it reports what ended since then */
    bool recall_unable;        /* its agent is known not to support a recall */
    bool may_sign;             /* the key may sign the answer */
    char *trusted_keys;        /* the keys that it last named, joined by spaces; NULL: none; owned */
    bool versions_are_written; /* the versions that were given, in the last seconds */
    /* Of assignment_page: */
    char branch[TC_ID_SIZE]; /* "" for none */
    bool pull;               /* the device takes it from its retained topic */
    bool withdrawn;          /* not given to the device again; the device may be asked about it */
};

/* For the dispatcher: fills assignments[i] with the instruction that devices[i], which reports versions[i] (a flat JSON
 * object; "": none), may be given, in an answer that `key` signs. Call assignments_free after TC_OK. */
enum tc_error assignment_find(struct store *store, const char *const *devices, const char *const *versions,
                              size_t count, const char *key, struct assignment *assignments, struct tc_fault *fault);
void assignments_free(struct assignment *assignments, size_t count);

/* For the conductor: reads the next `most` assignments in flight, ordered by device, after `after` ("": from the
 * start). The last page has fewer than `most`. */
enum tc_error assignment_page(struct store *store, const char *after, size_t most, struct assignment *assignments,
                              size_t *count, struct tc_fault *fault);

/* For the dispatcher: sets is_undeliverable[i] to whether the version that rollouts[i] installs is blocked, or the
 * device of instructions[i] is frozen. */
enum tc_error assignment_find_undeliverable(struct store *store, const int64_t *rollouts, const int64_t *instructions,
                                            size_t count, bool *is_undeliverable, struct tc_fault *fault);

/* For the dispatcher: appends the content that all signed instructions of a rollout share. TC_NOT_FOUND: no such
 * rollout. */
enum tc_error assignment_read_content(struct store *store, int64_t rollout, struct buffer *content,
                                      struct tc_fault *fault);

#endif
