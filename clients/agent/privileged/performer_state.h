/* The performer's own state. Private to performer*.c. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_PERFORMER_STATE_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_PERFORMER_STATE_H

#include "clients/agent/privileged/admission.h"
#include "clients/agent/privileged/performer.h"

#include <pthread.h>
#include <stdatomic.h>

/* The artifact's name in the staging folder. */
#define PERFORMER_ARTIFACT "artifact"

struct performer {
    const struct install_settings *settings;
    char *learned_path; /* of the keys: see keyring.h */
    char *staging_path, *artifact_path, *parameters_path, *lock_path, *working_folder;
    int folder_lock, staging;
    struct proof_key key;
    struct admission *admission;
    struct mask *mask;
    atomic_bool stop;
    pthread_mutex_t mutex;
    bool is_busy; /* guarded by the mutex */
};

#endif
