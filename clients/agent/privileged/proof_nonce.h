/* Nonces that prove a time. Each says when it was made, by the clock that counts since the machine started, under a
 * message authentication code. A signed answer that repeats one was signed after that moment, so that the true time is
 * at most its time of issue plus the age of the nonce. Nothing is kept for a nonce. Any thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_PROOF_NONCE_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_PROOF_NONCE_H

#include "base/fault.h"
#include "base/id.h"

#include <stdbool.h>
#include <stdint.h>

#define PROOF_KEY_SIZE 32

struct proof_key {
    unsigned char bytes[PROOF_KEY_SIZE];
};

/* Makes a key for this start of the machine, and of this process. TC_INTERNAL without a source of random numbers. */
enum tc_error proof_key_make(struct proof_key *key, struct tc_fault *fault);

void proof_nonce_make(const struct proof_key *key, int64_t boot_ms, char nonce[static TC_ID_SIZE]);
/* True when it was made with this key. `*age_ms`: how long ago. */
bool proof_nonce_check(const struct proof_key *key, const char *nonce, int64_t boot_ms, int64_t *age_ms);

#endif
