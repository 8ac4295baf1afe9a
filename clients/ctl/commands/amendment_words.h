/* Amendments in words. One thread. */
#ifndef TELLERCAST_CTL_AMENDMENT_WORDS_H
#define TELLERCAST_CTL_AMENDMENT_WORDS_H

#include "clients/ctl/commands/session.h"

/* Appends a value of the kind of an amendment: "30 a minute", "10 % of a branch", "2026-12-01 06:00:00Z". */
void amendment_put_value(const char *kind, const json_t *value, struct buffer *text);

/* Appends devices with their states and codes: "A7 (failed: no_space), A9 (rejected)". */
void amendment_put_devices(const json_t *devices, struct buffer *text);

/* Appends a change: "rate from 60 a minute to 30 a minute". */
void amendment_put_change(const char *kind, const json_t *amendment, struct buffer *text);

/* Appends the facts of a rollout that its amendments change: the values in force that are not those of its plan, and
 * each amendment that waits. */
void amendments_put(const struct session *session, const json_t *rollout, struct buffer *out);

#endif
