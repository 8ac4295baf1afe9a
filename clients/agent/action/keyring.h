/* The keys that this device trusts: those of the file `trusted_keys`, and those that it learned from signed key sets,
 * less those that a key set removed. Learned and removed keys are in a file of the data folder, which survives
 * restarts; the file `trusted_keys` is only read, and read again when it is edited. docs/signing-keys.md says why. One
 * thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_KEYRING_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_KEYRING_H

#include "topics/key_set.h"

struct keyring;

/* Reads both files; the second may be missing. A fault names the file. */
enum tc_error keyring_open(const char *trusted_path, const char *learned_path, struct keyring **keyring,
                           struct tc_fault *fault);
void keyring_close(struct keyring *keyring);

/* The trusted keys. The pointer is valid until keyring_close, and sees every change. */
const struct trusted_keys *keyring_trusted(const struct keyring *keyring);

/* Learns from a key set, and writes what it learned. `*changed`: other keys are trusted now, or a key is removed.
 * TC_DENIED when no trusted key signed it, TC_INVALID, TC_CONFLICT when it gives a known ID to another key,
 * TC_TOO_LARGE when the device would trust or refuse more keys than it can hold: then nothing changed.
 *
 *   - A removed key is never trusted again, whatever a later set, an older one or the edited file says.
 *   - When a key is revoked, the keys that only its sets had brought go with it, unless the revoking set names them. */
enum tc_error keyring_learn(struct keyring *keyring, const void *token, size_t length, bool *changed,
                            struct tc_fault *fault);

/* The same, without learning. */
enum tc_error keyring_check(const struct keyring *keyring, const void *token, size_t length, bool *changed,
                            struct tc_fault *fault);

/* False while what was learned could not be written: a restart would forget it. */
bool keyring_is_written(const struct keyring *keyring);

/* Reads the file `trusted_keys` again if it was edited, and writes what could not be written before. True when other
 * keys are trusted now. A fault is logged, and the keys stay. */
bool keyring_refresh(struct keyring *keyring);

#endif
