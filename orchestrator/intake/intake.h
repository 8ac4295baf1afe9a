/* Intake: the three doors by which plans come in (HTTP, MQTT and a Unix socket), with the same validation and the
 * same answer, and the artifact store beside the HTTP door. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_INTAKE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_INTAKE_H

#include "base/fault.h"
#include "config/daemon.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/store/store.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdbool.h>

struct intake;
struct preview_config;

/* What /readyz shows. A text is "ok", or why that server is not there. */
struct intake_health {
    bool ready;
    char broker[128], database[128], cache[128];
};

struct intake_config {
    const struct daemon_settings *settings; /* topic_root, data_folder, http.*, socket.path, the limits */
    struct batch_queue *orders;             /* the planner's, of struct order * */
    struct batch_queue *scheduler_wakes;    /* these two are woken after an operation on a rollout */
    struct batch_queue *conductor_wakes;
    int shard;                 /* of the counters */
    struct store_pool *stores; /* as many connections as INTAKE_JOB_THREADS */
    const struct preview_config *preview;
    /* Fills in what the parts last knew; called for every /readyz, on any thread, and must not wait. */
    void (*describe_health)(void *context, struct intake_health *health);
    void *context;
};

/* Threads of the HTTP door that read the database. */
#define INTAKE_JOB_THREADS 4

/* Opens the doors. What `config` points to must outlive the intake. */
enum tc_error intake_open(const struct intake_config *config, struct intake **intake, struct tc_fault *fault);

/* Answers by MQTT go out by this broker; until it is known they wait. Once, soon after intake_open. */
void intake_use_broker(struct intake *intake, struct broker *broker);

/* Takes a message of TOPIC_SUBMIT or TOPIC_SUBMIT_AS. `context` is the intake; on paho's thread; waits a little when
 * there are too many plans. Other messages are not for it. */
void intake_message(void *context, const struct broker_message *message);

/* Reads again what SIGHUP may change: the tokens. On a fault the old ones stay in force. */
enum tc_error intake_reload(struct intake *intake, struct tc_fault *fault);

/* Closes the doors: waits a moment for the planner's answers, which it needs running, and sends them. Later messages
 * are dropped unanswered; their senders send them again. Call it while the broker is open. */
void intake_stop(struct intake *intake);
/* Frees it; after the broker is closed, so that no message is on its way. NULL is allowed. */
void intake_close(struct intake *intake);

#endif
