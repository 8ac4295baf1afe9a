/* The directory: what the broker's guard must know of the fleet. Each transaction that changes it raises its version.
 */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_DIRECTORY_H
#define TELLERCAST_ORCHESTRATOR_STORE_DIRECTORY_H

#include "orchestrator/store/conduct.h"
#include "orchestrator/store/store.h"
#include "topics/message.h"

#include <stddef.h>
#include <stdint.h>

/* The version that is committed. */
enum tc_error directory_read_version(struct store *store, int64_t *version, struct tc_fault *fault);

#define DIRECTORY_EVERYTHING (-1)

/* Reads the next `most` devices that changed after version `since`, in the order of their IDs; the last page has fewer.
 * `after`: the last ID of the page before; "" for the first page. `entries` has space for `most`. */
enum tc_error directory_read_page(struct store *store, int64_t since, const char *after, size_t most,
                                  struct directory_entry *entries, size_t *count, struct tc_fault *fault);
/* The same for the serials of revoked certificates. */
enum tc_error directory_read_revoked(struct store *store, int64_t since, const char *after, size_t most,
                                     char (*serials)[CERTIFICATE_SERIAL_MAX + 1], size_t *count,
                                     struct tc_fault *fault);

/* Ends at most `most` open instructions of retired devices. The caller frees `*released`. Between conduct_begin and
 * conduct_commit. */
enum tc_error directory_end_retired(struct store *store, size_t most, int shard, struct released **released,
                                    size_t *count, struct tc_fault *fault);

#endif
