/* Decides whether the privileged half carries out a signed instruction. It believes nothing that the agent says:
 *
 *   - the instruction is signed by a trusted key, for this device, and not of an earlier epoch than one seen;
 *   - it is in force, by a time that a signed answer with a nonce of our own proves;
 *   - it was not carried out before, and was not issued before one that was.
 *
 * The record is a journal of our own. One thread at a time. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_ADMISSION_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_ADMISSION_H

#include "base/fault.h"
#include "clients/agent/action/install.h"
#include "clients/agent/action/journal.h"
#include "clients/agent/privileged/proof_nonce.h"
#include "topics/token.h"

#include <stdbool.h>

struct admission;

/* An instruction that was admitted. */
struct admitted {
    struct instruction_payload payload; /* free it with instruction_payload_free */
    struct journal_entry entry;
    int64_t proven_s; /* the time of issue of the proof */
};

/* Opens or makes the journal at `path`. Attempts that were under way when the process before ended are ended. */
enum tc_error admission_open(const char *path, const char *device, const struct proof_key *key,
                             struct admission **admission, struct tc_fault *fault);
void admission_close(struct admission *admission);

/* `proof`: a signed answer, or NULL when the token itself has the nonce. On true, admission_begin may follow. On false
 * `result` says why: rejected, or deferred when a newer token or proof may be admitted. */
bool admission_check(struct admission *admission, const struct trusted_keys *keys, const char *token, const char *proof,
                     int64_t boot_ms, struct admitted *admitted, struct install_result *result);

/* Records the intent: after this the attempt is never admitted again. */
enum tc_error admission_begin(struct admission *admission, struct admitted *admitted, struct tc_fault *fault);
/* Records the outcome. */
void admission_end(struct admission *admission, struct admitted *admitted, const struct install_result *result,
                   int64_t now_ms);

#endif
