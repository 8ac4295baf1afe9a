/* Sends the logs of failures to an orchestrator, on a thread of its own. They wait in a folder, over restarts too.
 *
 * The newest goes first. One that is too large, or that the server refuses for what it is, gets dropped; otherwise, and
 * when its file cannot be read or removed, it is tried again, later each time. */
#ifndef TELLERCAST_CLIENTS_AGENT_LOG_UPLOADER_H
#define TELLERCAST_CLIENTS_AGENT_LOG_UPLOADER_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdint.h>

#define LOGS_WAITING_MAX 16 /* logs that wait on a device */

struct log_uploader_config {
    /* The texts must stay. */
    const char *folder;
    const char *url;     /* https://host:port */
    const char *ca_file; /* whom to trust as the server; "": the system's authorities */
    const char *certificate_file, *key_file;
};

struct log_uploader;

/* Makes the folder, and starts the thread. curl_global_init must have been called. */
enum tc_error log_uploader_open(const struct log_uploader_config *config, struct log_uploader **uploader,
                                struct tc_fault *fault);
/* Ends within about a second. NULL is allowed. */
void log_uploader_close(struct log_uploader *uploader);

/* Takes the log of an attempt: it is in the folder when this returns. Drops the oldest ones beyond LOGS_WAITING_MAX. A
 * fault is logged. One thread. */
void log_uploader_add(struct log_uploader *uploader, int64_t instruction, int32_t attempt, const struct buffer *log);

#endif
