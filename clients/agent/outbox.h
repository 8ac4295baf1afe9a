/* The reports that the orchestrator has not confirmed: each a file, fsynced before it is published for
 * the first time, sent again with backoff, and deleted when it is confirmed. One thread.
 *
 * A newer report of the same attempt takes the place of an older one. */
#ifndef TELLERCAST_CLIENTS_AGENT_OUTBOX_H
#define TELLERCAST_CLIENTS_AGENT_OUTBOX_H

#include "base/fault.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox;

struct outbox_config {
    const char *folder;      /* made when it is missing */
    int64_t resend_first_ms; /* after the first sending; doubles with each */
    int64_t resend_longest_ms;
};

/* Reads what an earlier run left there; a file that cannot be read as a report is logged and removed. */
enum tc_error outbox_open(const struct outbox_config *config, struct outbox **outbox, struct tc_fault *fault);
void outbox_close(struct outbox *outbox);

/* Keeps a copy of `report`, due at once. On a fault it is kept in memory only: it will be sent, but does
 * not outlive the process. */
enum tc_error outbox_put(struct outbox *outbox, const struct report *report, struct tc_fault *fault);

/* The orchestrator has this report or a later one, or refuses it for good: forgets it and those before it.
 * False when there was none. */
bool outbox_confirm(struct outbox *outbox, int64_t instruction, int32_t attempt, int32_t sequence);

/* Takes the next report that is due, or NULL; its next turn is set. It asks for a confirm when the orchestrator would
 * not send one otherwise or has not answered. Valid until the next call. */
const struct report *outbox_take_due(struct outbox *outbox, int64_t now_monotonic_ms);
/* When outbox_take_due has something next; INT64_MAX: never. */
int64_t outbox_next_ms(const struct outbox *outbox);

/* Makes the report of this attempt due at once. False when there is none. */
bool outbox_make_due(struct outbox *outbox, int64_t instruction, int32_t attempt);
/* Makes all due at once: the connection is new. */
void outbox_make_all_due(struct outbox *outbox);

size_t outbox_count(const struct outbox *outbox);

#endif
