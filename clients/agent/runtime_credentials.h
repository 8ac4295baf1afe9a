/* The agent's certificates, and the time by which it checks those of others. Private to the runtime*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_CREDENTIALS_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_CREDENTIALS_H

#include "clients/agent/runtime_state.h"

/* Makes OpenSSL check dates by the time that answers have proven, and opens runtime->enrolment, where the settings want
 * it, runtime->broker_credentials and runtime->download_credentials. Call it with the lock of the data folder. */
enum tc_error runtime_open_credentials(struct runtime *runtime, struct tc_fault *fault);
void runtime_close_credentials(struct runtime *runtime);

/* Sets the paths of the authorities that downloads trust, and of the certificate that they show. A replaced file counts
 * from the next connection on. */
void runtime_set_download_credentials(const struct runtime *runtime, struct download_limits *limits);

/* Follows the proven time, and takes files that were replaced when it is time to look. Returns the time of the next
 * look, by the clock of now.monotonic_ms. */
int64_t runtime_watch_credentials(struct runtime *runtime, struct agent_time now);

/* False while the device has not enrolled yet: then it does not connect, except to the former listener. */
bool runtime_has_certificate(const struct runtime *runtime);

#endif
