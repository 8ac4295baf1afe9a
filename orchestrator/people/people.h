/* Knows people by their credentials, for the endpoints, which must not wait. It reads the version of the tables of
 * people four times a second and, when that has changed, the tables; so a token that was revoked is refused at every
 * orchestrator within a second. When they cannot be read for PEOPLE_STALE_MS nobody is known. */
#ifndef TELLERCAST_ORCHESTRATOR_PEOPLE_PEOPLE_H
#define TELLERCAST_ORCHESTRATOR_PEOPLE_PEOPLE_H

#include "base/fault.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/guard.h"

#include <stdint.h>

/* How old the copy of the tables may be. */
#define PEOPLE_STALE_MS 5000

struct people;

struct people_config {
    const char *database; /* must outlive it, as the guard */
    struct store_guard *guard;
};

/* Knows nobody before people_start, which needs the tables. */
enum tc_error people_open(const struct people_config *config, struct people **people, struct tc_fault *fault);
/* Reads the tables from now on. */
enum tc_error people_start(struct people *people, struct tc_fault *fault);
/* NULL is allowed. */
void people_close(struct people *people);
int64_t people_last_progress_ms(const struct people *people);
/* TC_UNAVAILABLE while nobody is known, since the tables were not read. Any thread. */
enum tc_error people_check(struct people *people, struct tc_fault *fault);

/* Waits until the copy has what was committed before the call, PEOPLE_STALE_MS at most, so that this orchestrator goes
 * by a change of people when that change is answered. Any thread that may wait. */
void people_await_reading(struct people *people);

/* Find who has a token, the secret of a session, or another name. `address` is the peer's, for the list of tokens.
 * TC_DENIED: nobody has it. TC_UNAVAILABLE: it cannot be told now, since the database was not read. Neither waits. Any
 * thread. */
enum tc_error people_find_token(struct people *people, const char *token, const char *address, struct subject *subject,
                                struct tc_fault *fault);
enum tc_error people_find_session(struct people *people, const char *secret, struct subject *subject,
                                  struct tc_fault *fault);
enum tc_error people_find_alias(struct people *people, enum alias_kind kind, const char *value, struct subject *subject,
                                struct tc_fault *fault);

#endif
