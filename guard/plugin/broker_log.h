/* The guard's lines in the broker's log: `event key=value …`. The broker's own thread, but for broker_log_warning: any.
 */
#ifndef TELLERCAST_GUARD_PLUGIN_BROKER_LOG_H
#define TELLERCAST_GUARD_PLUGIN_BROKER_LOG_H

#include "topics/access.h"

void broker_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void broker_log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A refusal, limited by its reason and by the identity. `verb`: what was refused ("publish"); `subject`: the topic, the
 * filter or the client ID, which the client chose. */
void broker_log_denial(const char *verb, enum denial denial, const char *name, const char *subject, int64_t now_ms);
/* A client that has connected without a certificate, limited by the identity. */
void broker_log_bare(const char *name, const char *client_id, int64_t now_ms);
/* Writes the counts of the lines that were left out, of periods that have ended (`all`: of all). */
void broker_log_left_out(int64_t now_ms, bool all);

#endif
