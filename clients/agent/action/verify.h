/* Decides whether this device may carry out an instruction. Pure. Any thread.
 *
 * Three steps, because each needs more trust than the one before:
 *   verify_token    is it signed by a key that we trust, and well formed?
 *   verify_address  is it for this device, and not from a past state of the orchestrators?
 *   verify_times    is it in force now, and may its effect still begin?
 * A refusal has a stable code, which is reported with the state `rejected`. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_VERIFY_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_VERIFY_H

#include "topics/message.h"
#include "topics/token.h"

#include <stdbool.h>

struct refusal {
    char code[REPORT_CODE_MAX + 1]; /* "" : not refused */
    char detail[REPORT_DETAIL_MAX + 1];
};

/* Codes: bad_signature, malformed, unknown_action. With true, the caller owns `payload`.
 *
 * With false, `payload` holds only the unproven instruction and attempt of the token, when it names `device`; else
 * instruction is 0. It serves to tell the orchestrator which instruction arrived broken (keys that were not renewed at
 * the device are the usual reason), and for nothing that is kept: a sender that can write to this topic can write to
 * the reply topic, too. */
bool verify_token(const struct trusted_keys *keys, const char *device, const void *token, size_t length,
                  struct instruction_payload *payload, struct refusal *refusal);

/* The epochs that a device accepts: from the highest that it has seen to `max`. An epoch grows by one with each restore
 * of the orchestrators' database; one that is far above what was seen would make the device refuse every later
 * instruction. */
#define EPOCH_RISE_MAX 1000     /* above what was seen */
#define EPOCH_FIRST_MAX 1000000 /* when none was seen */
struct epoch_range {
    int64_t seen, max;
};

/* Returns the highest epoch that is accepted after `seen`; 0: none was seen. */
int64_t epoch_max(int64_t seen);

/* Codes: wrong_device, old_epoch, epoch_jump. Its instruction ID means nothing here: not to be kept either. */
bool verify_address(const struct instruction_payload *payload, const char *device, const struct epoch_range *epochs,
                    struct refusal *refusal);

/* Codes: not_yet_valid, expired, window_missed. */
bool verify_times(const struct instruction_payload *payload, int64_t now_ms, struct refusal *refusal);

/* Fills `refusal`. Always returns false. */
bool refuse(struct refusal *refusal, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
