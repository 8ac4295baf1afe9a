/* The logic of every client, as a step machine: events and time in, effects out. It reads no clock and owns no thread;
 * it writes its journal and its outbox itself, because both must be durable before an effect begins. One thread.
 *
 *   idle ─instruction─▶ downloading ─▶ waiting ─▶ installing ─▶ reading versions ─▶ idle
 *
 * One instruction at a time. An instruction that arrives meanwhile is kept (the latest only) or asked for again. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_H

#include "clients/agent/action/install.h"
#include "clients/agent/action/keyring.h"
#include "clients/agent/device_clock.h"
#include "clients/agent/download.h"
#include "topics/message.h"
#include "topics/token.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENT_ACTION_COUNT (ACTION_RUN + 1)

struct agent_config {
    const char *device;
    const char *branch; /* "" for a pull client that belongs to none */
    enum device_role role;
    const struct trusted_keys *keys;
    struct keyring *keyring;                     /* of these keys; NULL: they never change, and no ask names them */
    const char *data_folder;                     /* holds journal, outbox, artifacts, work */
    const char *executables[AGENT_ACTION_COUNT]; /* of each action; "" or NULL: unsupported */
    const char *versions_executable;             /* prints the installed versions; "" or NULL: unknown */
    const char *install_socket;                  /* of the privileged half; "" or NULL: none */
    int64_t ask_first_ms, ask_longest_ms;        /* between unanswered asks, while an answer is due */
    int64_t ask_while_downloading_ms;            /* interval of asks during a download; 0: never */
    int64_t ask_period_ms;                       /* interval of asks without a dispatch, half of it random; 0: never */
    int64_t resend_first_ms, resend_longest_ms;  /* of unconfirmed reports */
    int64_t progress_period_ms;                  /* minimum time between progress reports */
    int64_t hold_after_dispatch_ms;              /* node: see relay.h; 0: off */
};

/* The effects of the step machine. None of them may call back. */
struct agent_effects {
    void *context;
    /* TC_UNAVAILABLE when there is no connection: nothing was sent. */
    enum tc_error (*publish)(void *context, const struct topic *topic, const void *payload, size_t length, int qos,
                             bool retained);
    /* QoS 1 messages that the broker has not acknowledged yet. */
    size_t (*unacknowledged)(void *context);
    /* Copies the request; agent_downloaded follows. limits and stop are not set. */
    void (*start_download)(void *context, const struct download_request *request);
    /* Cancels the download: agent_downloaded follows soon. */
    void (*end_download)(void *context);
    /* Copies the request; agent_installer_ended follows. Times, process folders, stop and callbacks are not set. */
    void (*start_installer)(void *context, const struct install_request *request);
    /* Keeps the log of this attempt, which has failed or collected a file, to send it, if it was the action that ended
     * last. NULL: logs are not wanted. */
    void (*keep_log)(void *context, int64_t instruction, int32_t attempt);
    /* A nonce of the privileged half. False: there is none now. NULL without a privileged half. */
    bool (*fetch_nonce)(void *context, char nonce[static TC_ID_SIZE]);
    /* Has the privileged half learn from a key set. False: it did not. NULL without a privileged half. */
    bool (*give_keys)(void *context, const char *token);
    /* 0 to `below` - 1. */
    uint32_t (*random)(void *context, uint32_t below);
};

struct agent;

/* Opens the journal and the outbox in the data folder, and starts to read the versions. */
enum tc_error agent_open(const struct agent_config *config, const struct agent_effects *effects, struct agent_time now,
                         struct agent **agent, struct tc_fault *fault);
void agent_close(struct agent *agent);

/* The connection is made, with its subscriptions; the connection is lost. Messages before `connected` were queued by
 * the broker and may be old. */
void agent_connected(struct agent *agent);
void agent_disconnected(struct agent *agent);
void agent_message(struct agent *agent, const struct topic *topic, const void *payload, size_t length, bool retained,
                   struct agent_time now);

void agent_downloaded(struct agent *agent, const struct download_result *result, struct agent_time now);
void agent_install_progress(struct agent *agent, int percent, const char *text, struct agent_time now);
void agent_install_version(struct agent *agent, const char *name, const char *version);
void agent_installer_ended(struct agent *agent, const struct install_result *result, struct agent_time now);

/* Does all that is due. Returns the monotonic time of the next due step; INT64_MAX: none. Call it after each event and
 * at that time. */
int64_t agent_step(struct agent *agent, struct agent_time now);

/* True, and the time, when answers have proven it: see device_clock_is_proven. */
bool agent_proven_time(const struct agent *agent, struct agent_time now, int64_t *proven_ms);

/* A technician's hold, for `length_ms` from now on; it takes the place of an earlier one. An instruction that has not
 * begun to install is deferred, code held_by_technician; an installation goes on. It is durable when the call returns.
 */
enum tc_error agent_hold(struct agent *agent, int64_t length_ms, const char *reason, const char *person,
                         struct agent_time now, struct tc_fault *fault);
/* Ends the hold. TC_NOT_FOUND: there is none. */
enum tc_error agent_release(struct agent *agent, struct agent_time now, struct tc_fault *fault);

/* Starts nothing new from now on. Another run can resume the current download. The end of a running installer is
 * recorded by agent_installer_ended and reported by another run. */
void agent_stop(struct agent *agent);

/* True while an instruction is carried out, or the versions are read, or must be read before an end is reported. */
bool agent_is_busy(const struct agent *agent);
/* True while the installer of an instruction is running. */
bool agent_is_installing(const struct agent *agent);

#endif
