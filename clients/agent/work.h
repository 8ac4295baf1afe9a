/* Runs downloads and installers on a thread, one at a time; their results go to the inbox. */
#ifndef TELLERCAST_CLIENTS_AGENT_WORK_H
#define TELLERCAST_CLIENTS_AGENT_WORK_H

#include "base/buffer.h"
#include "clients/agent/action/install.h"
#include "clients/agent/download.h"
#include "clients/agent/inbox.h"

struct work_config {
    struct download_limits limits;
    int64_t install_timeout_ms, collect_timeout_ms;
    int64_t install_grace_ms;
    int64_t stop_grace_ms;
    const char *install_folder; /* where installers are run */
    const char *lock_path;
    const struct mask *mask; /* of the output of installers */
    struct inbox *inbox;
};

struct work;

/* The config's texts must live as long as the work. */
struct work *work_create(const struct work_config *config);
/* Waits for the end of the current job: call work_stop first. */
void work_destroy(struct work *work);

/* Copies the request and returns at once. No job may be running. One thread. */
void work_download(struct work *work, const struct download_request *request);
void work_install(struct work *work, const struct install_request *request);

/* Moves the log of the last action to `log`; nothing if that was not this attempt, if it printed nothing, or if its log
 * was taken before. For the thread that starts the work, once the action has ended. */
void work_take_log(struct work *work, int64_t instruction, int32_t attempt, struct buffer *log);

/* Makes the current download end soon; its result still comes to the inbox. */
void work_end_download(struct work *work);
/* Makes the current job end soon, and all later ones; results still come to the inbox. */
void work_stop(struct work *work);

#endif
