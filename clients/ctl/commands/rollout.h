/* Shared by the rollout commands. One thread. */
#ifndef TELLERCAST_CTL_ROLLOUT_H
#define TELLERCAST_CTL_ROLLOUT_H

#include "clients/ctl/commands/session.h"

#include <stdbool.h>
#include <stdint.h>

/* Finds a rollout by `word`: an ID or a name; "id=7" or "name=7" when that is ambiguous. Asks the daemon, so that any
 * number of rollouts may exist. False after the fault was shown. */
bool rollout_find(struct session *session, const char *word, int64_t *id, int *code);

/* Gets the document of a rollout: a new reference, or NULL after the problem was shown. */
json_t *rollout_get(struct session *session, int64_t id, int *code);
/* The same of a document about it: "drift". */
json_t *rollout_get_part(struct session *session, int64_t id, const char *part, int *code);

/* Write the facts of a rollout and a table of its groups; rollout_put also its last events. */
void rollout_put_head(const struct session *session, const json_t *rollout, struct buffer *out);
void rollout_put(const struct session *session, const json_t *rollout, struct buffer *out);
/* Writes the machines that the rollout took out of service, and the branches that wait for them. */
void rollout_put_unavailable(const struct session *session, const json_t *rollout, struct buffer *out);
/* Writes the last `most` events; 0: all. */
void rollout_put_events(const struct session *session, const json_t *events, size_t most, struct buffer *out);
/* Writes the evidence as text, without the devices. */
void rollout_evidence_put(const struct session *session, const json_t *evidence, struct buffer *out);

enum tone rollout_state_tone(const char *state);
enum tone instruction_state_tone(const char *state);

/* Where progress is shown. */
enum watch_display {
    WATCH_SILENT,
    WATCH_ON_STDOUT, /* bars or lines; with --json one document per line and change */
    WATCH_ON_STDERR, /* bars or lines on standard error; silent when the session is quiet */
};

/* Follows rollouts until each has ended or, unless `to_the_end`, waits for a person. `timeout_ms` below 0: no limit.
 * Returns the worst of their exit codes, EXIT_TIMED_OUT, or EXIT_UNREACHABLE when the server stays unreachable.
 * Restores the terminal after each frame, so that an interrupt needs no handling. */
int watch_rollouts(struct session *session, const int64_t *ids, size_t count, enum watch_display display,
                   bool to_the_end, int64_t timeout_ms);

/* Reads --timeout in milliseconds; -1 when it is not given. False after the fault was shown. */
bool rollout_timeout(const struct session *session, int64_t *timeout_ms, int *code);

#endif
