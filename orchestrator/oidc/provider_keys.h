/* The public keys of an identity provider: its key set (RFC 7517). A set does not change after it was read; then any
 * thread. */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_KEYS_H
#define TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_KEYS_H

#include "base/fault.h"

#include <cjose/cjose.h>
#include <stdbool.h>
#include <stddef.h>

/* Keys of a set that are read. */
#define PROVIDER_KEYS_MAX 64

struct provider_keys;

/* Reads a set. Leaves out keys that check no signature of a token: secret ones, those for encryption, those without an
 * ID, RSA keys of less than 2048 bits, and kinds that provider_algorithm_is_allowed has no algorithm for. TC_INVALID:
 * it is no set, it has too many keys, or none is left. */
enum tc_error provider_keys_read(const char *json, size_t length, struct provider_keys **keys, struct tc_fault *fault);
/* NULL is allowed. */
void provider_keys_free(struct provider_keys *keys);

/* Whether a token may be signed by it: RSA or ECDSA with SHA-2, as RFC 7518 names them. */
bool provider_algorithm_is_allowed(const char *algorithm);

/* The key of this ID, for this algorithm; it belongs to the set. TC_NOT_FOUND: no key has the ID. TC_DENIED: the key is
 * not for the algorithm. */
enum tc_error provider_keys_find(const struct provider_keys *keys, const char *id, const char *algorithm,
                                 const cjose_jwk_t **key, struct tc_fault *fault);

#endif
