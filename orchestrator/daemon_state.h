/* The whole of the daemon. Private to daemon*.c. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_STATE_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_STATE_H

#include "orchestrator/conductor/conductor.h"
#include "orchestrator/daemon.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/directory/guard_answer.h"
#include "orchestrator/dispatcher/dispatcher.h"
#include "orchestrator/gauges/gauges_keeper.h"
#include "orchestrator/health.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/keys/key_keeper.h"
#include "orchestrator/name_keeper.h"
#include "orchestrator/oidc/provider.h"
#include "orchestrator/people/people.h"
#include "orchestrator/planner/planner.h"
#include "orchestrator/preparation/preview.h"
#include "orchestrator/presence/presence.h"
#include "orchestrator/recorder/recorder.h"
#include "orchestrator/renewal.h"
#include "orchestrator/scheduler/scheduler.h"
#include "orchestrator/updater/updater.h"
#include "orchestrator/watermark/keeper.h"
#include "orchestrator/webhooks/webhooks.h"

#include <stdatomic.h>

struct daemon {
    const struct daemon_settings *settings;
    struct daemon_identity identity;
    struct key_keeper *keys;
    struct cache_config cache;

    struct batch_queue *submissions, *expander_wakes, *scheduler_wakes, *conductor_wakes, *asks, *pool;
    struct update_queues updates;

    struct store_guard *guard;
    struct policy_in_force policy_in_force;
    struct health *health;
    struct renewal *renewal;
    struct store_pool *stores;
    struct guard_answer *guard_answer; /* NULL: the broker has no guard */
    struct people *people;
    struct provider *provider; /* NULL: nobody signs in by OpenID Connect */
    struct recorder *recorder;
    struct webhooks *webhooks;
    struct intake *intake;
    struct broker *broker;
    atomic_bool broker_is_new;          /* for the conductor */
    _Atomic int64_t state_requested_ms; /* see orchestrator/conductor/conductor.h, as for the next */
    _Atomic int64_t conducting_epoch;
    struct store_clock clock;
    struct calendars *calendars;
    struct preview_config preview;
    struct planner *planner;
    struct updater *updater;
    struct dispatcher *dispatcher;
    struct conductor *conductor;
    struct presence_part *presence;
    struct scheduler *scheduler;
    struct keeper *keeper;
    struct gauges_keeper *gauges;
    struct name_keeper *name_keeper; /* NULL: this orchestrator has no name of its own */
};

#endif
