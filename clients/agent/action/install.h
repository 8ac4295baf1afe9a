/* Runs an installer: the executable for an action on this device. docs/installers.md explains the contract to authors
 * of installers.
 *
 * It is called with the action as its only argument, in the folder `working_folder`, in its own process
 * group, with stdin empty, no other inherited file, and this environment alone:
 *   PATH, LANG
 *   TELLERCAST_DEVICE, TELLERCAST_INSTRUCTION, TELLERCAST_ATTEMPT, TELLERCAST_ROLLOUT
 *   TELLERCAST_ARTIFACT_NAME, TELLERCAST_ARTIFACT_VERSION, TELLERCAST_ARTIFACT_FILE   "" when there is none
 *   TELLERCAST_PARAMETERS   the path of a JSON file: the instruction's parameters, {} when there are none
 *
 * It may write lines to stdout: `progress 40 copying` (percent and text), `version NAME VERSION` (what is
 * installed now) and `code customer_present` (a word for programs on why it is not done). Other lines are kept
 * as the detail of a failure, the last of them only. stderr is read in the same way. What `collect` prints is the
 * content of a file: no line of it means anything.
 *
 * It ends with 0 (done), 75 (cannot now, try later), 66 (there is no previous version to go back to), 69 (the
 * work was done or tried, and the machine cannot serve now), or anything else (failed).
 *
 * Beyond its time, or when the agent has to stop, its process group gets SIGTERM and, if it is still
 * there after a grace, SIGKILL. When the agent itself is killed the installer is left to finish, because a
 * half-upgraded machine is the worst outcome; until it has ended, no other installer is started on this device. What it
 * leaves running when it ends is left alone. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_H

#include "base/id.h"
#include "clients/agent/action/mask.h"
#include "topics/message.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct install_request {
    const char *executable; /* of a request that is handed over: not set */
    const char *action;
    const char *working_folder; /* absolute, without symbolic links */
    const char *lock_path;
    const char *device;
    int64_t instruction, rollout;
    int32_t attempt;
    const char *artifact_name, *artifact_version, *artifact_file; /* NULL: none */
    const char *parameters_file;
    int64_t timeout_ms;
    int64_t grace_ms;      /* between SIGTERM and SIGKILL, beyond its time */
    int64_t stop_grace_ms; /* and when the agent has to stop */

    /* For a privileged half, see handover.h. */
    const char *socket_path; /* NULL: this process runs the executable */
    const char *token;       /* the signed instruction; NULL: read the versions */
    const char *proof;       /* a signed answer that proves the time; NULL: none */

    const atomic_bool *stop;          /* becomes true: the agent has to stop; may be NULL */
    bool (*must_stop)(void *context); /* the same, asked now and then while it runs; may be NULL */
    /* Called on the calling thread while it runs. */
    void (*on_progress)(void *context, int percent, const char *text);
    void (*on_version)(void *context, const char *name, const char *version);
    /* Called before it returns, with the end of the output, masked, in pieces of whole characters; NULL: it is not
     * wanted. */
    void (*on_log)(void *context, const char *text, size_t length);
    void *context;
    const struct mask
        *mask; /* of what it prints; NULL: card numbers alone. Of a request that is handed over: not used */
};

/* Only a privileged half rejects. */
enum install_outcome { INSTALL_DONE, INSTALL_DEFERRED, INSTALL_FAILED, INSTALL_REJECTED };

struct install_result {
    enum install_outcome outcome;
    /* Of a deferral: the installer's own code, or installer_deferred; or installer_busy (one of an earlier run
     * still holds the lock). Of a failure: no_previous, out_of_service, the installer's own code, or
     * installer_exit_N; or installer_signal_N, installer_timeout, installer_missing, agent_stopped. */
    char code[REPORT_CODE_MAX + 1];
    char detail[REPORT_DETAIL_MAX + 1]; /* the end of its output */
    char said[TC_ID_SIZE];              /* the code that it printed, however it ended; "": none */
};

/* Whether its output is the content of a file. */
bool install_collects(const struct install_request *request);

/* Fills the result: code and detail are cut to their size. */
void install_result_set(struct install_result *result, enum install_outcome outcome, const char *code,
                        const char *detail);

/* Returns when it has ended. Any thread. */
void install_run(const struct install_request *request, struct install_result *result);

#endif
