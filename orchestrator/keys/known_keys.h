/* What this orchestrator knows of all signing keys, in a file of its data folder: after a restore of the database from
 * a backup it writes it there again. A state only moves forward. Private to orchestrator/keys/. */
#ifndef TELLERCAST_ORCHESTRATOR_KEYS_KNOWN_KEYS_H
#define TELLERCAST_ORCHESTRATOR_KEYS_KNOWN_KEYS_H

#include "orchestrator/store/signing_keys.h"

/* Reads the file; without one nothing is known. Free `known` with registered_keys_free in any case. */
enum tc_error known_keys_read(const char *folder, struct registered_keys *known, struct tc_fault *fault);
enum tc_error known_keys_write(const char *folder, const struct registered_keys *known, struct tc_fault *fault);

/* Adds what the database says. True when something was new. */
bool known_keys_take(struct registered_keys *known, const struct registered_keys *found);
/* Fills `missing` with the keys that the database lacks or has in an earlier state: as many as are known at most. */
size_t known_keys_find_missing(const struct registered_keys *known, const struct registered_keys *found,
                               struct registered_key *missing);

#endif
