/* What the rollout commands share. One thread. */
#ifndef TELLERCAST_CTL_ROLLOUT_H
#define TELLERCAST_CTL_ROLLOUT_H

#include "clients/ctl/commands/session.h"

#include <stdbool.h>
#include <stdint.h>

/* The ID of the rollout that the operator calls `name`: a number, or the name of its plan. False after it was shown
 * why not. */
bool rollout_find(struct session *session, const char *name, int64_t *id, int *code);

/* The document of a rollout: a new reference, or NULL after the problem was shown. */
json_t *rollout_get(struct session *session, int64_t id, int *code);

/* Its facts and a table of its groups; then also what happened to it last. */
void rollout_put_head(const struct session *session, const json_t *rollout, struct buffer *out);
void rollout_put(const struct session *session, const json_t *rollout, struct buffer *out);
/* The last `most` of them; 0: all. */
void rollout_put_events(const struct session *session, const json_t *events, size_t most, struct buffer *out);
/* A report as text, but for the devices. */
void rollout_report_put(const struct session *session, const json_t *report, struct buffer *out);

enum tone rollout_state_tone(const char *state);
enum tone instruction_state_tone(const char *state);

/* How the operator follows. */
enum watch_display {
    WATCH_SILENT,
    WATCH_ON_OUTPUT, /* bars or lines; with --json a document a line at each change */
    WATCH_ON_TALK,   /* bars or lines on standard error; silent when the session is quiet */
};

/* Follows rollouts until each has ended or waits for a person. `timeout_ms` below 0: for ever. Returns the worst of
 * their exit codes, EXIT_TIMED_OUT, or EXIT_UNREACHABLE when the server stays away. Between two frames the terminal is
 * as it was found, so that an interrupt needs no care. */
int watch_rollouts(struct session *session, const int64_t *ids, size_t count, enum watch_display display,
                   int64_t timeout_ms);

/* --timeout in milliseconds, -1 when it is not given; false after the fault was shown. */
bool rollout_timeout(const struct session *session, int64_t *timeout_ms, int *code);

#endif
