/* The files of this orchestrator's signing keys: `signing-key.json` and `signing-keys/ID.json` in its data folder, and
 * `trusted-keys.json` with the public halves that a new device is to be given. Private to orchestrator/keys/. */
#ifndef TELLERCAST_ORCHESTRATOR_KEYS_KEY_FILES_H
#define TELLERCAST_ORCHESTRATOR_KEYS_KEY_FILES_H

#include "orchestrator/keys/key_ring.h"

/* Reads all keys into the ring; creates `signing-key.json` when there is none. A fault names the file. */
enum tc_error key_files_open(const char *folder, struct key_ring *ring, struct tc_fault *fault);
/* Makes a further key, and adds it to the ring. */
enum tc_error key_files_create(const char *folder, struct key_ring *ring, struct tc_fault *fault);
/* Writes the keys of the set to `trusted-keys.json`. */
enum tc_error key_files_write_trusted(const char *folder, const struct key_set *set, struct tc_fault *fault);

#endif
