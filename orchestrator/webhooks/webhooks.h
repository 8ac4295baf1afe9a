/* Posts the events of the log to the webhooks of the settings, each on a thread of its own, so that a slow receiver
 * delays no other one. Only the conductor's webhooks post. */
#ifndef TELLERCAST_ORCHESTRATOR_WEBHOOKS_WEBHOOKS_H
#define TELLERCAST_ORCHESTRATOR_WEBHOOKS_WEBHOOKS_H

#include "base/buffer.h"
#include "base/fault.h"
#include "config/webhooks.h"
#include "orchestrator/store/guard.h"

#include <stdatomic.h>

struct webhooks;

struct webhooks_config {
    const char *database;
    struct store_guard *guard;
    const _Atomic int64_t *conducting_epoch; /* 0: another orchestrator conducts */
    bool allows_loopback;                    /* http:// there */
};

/* Checks the setting: URLs and kinds. */
enum tc_error webhooks_check(const char *setting, bool allows_loopback, struct tc_fault *fault);
/* Checks that its secrets and authorities can be read. */
enum tc_error webhooks_check_files(const char *setting, struct tc_fault *fault);

enum tc_error webhooks_open(const struct webhooks_config *config, const char *setting, struct webhooks **webhooks,
                            struct tc_fault *fault);
/* Ends all webhooks; the rest may still be called. NULL is allowed, as by webhooks_close. */
void webhooks_end(struct webhooks *webhooks);
void webhooks_close(struct webhooks *webhooks);

/* Takes new settings: webhooks that stay the same go on, the others end and begin. A receiver that wanted no more is
 * asked again. The thread of webhooks_last_progress_ms. */
void webhooks_replace(struct webhooks *webhooks, const char *setting);

/* Appends a JSON array of name, host and kinds. `context`: a struct webhooks. Any thread. */
void webhooks_describe(void *context, struct buffer *json);

/* For the watchdog. */
int64_t webhooks_last_progress_ms(const struct webhooks *webhooks);

#endif
