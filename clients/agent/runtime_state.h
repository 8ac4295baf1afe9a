/* Private to the runtime*.c files: the parts of a running agent. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_STATE_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_STATE_H

#include "base/buffer.h"
#include "base/url.h"
#include "clients/agent/agent.h"
#include "clients/agent/enrolment/enrolment.h"
#include "clients/agent/inbox.h"
#include "clients/agent/log_uploader.h"
#include "clients/agent/runtime.h"
#include "clients/agent/session.h"
#include "clients/agent/technician/technician_listener.h"
#include "clients/agent/work.h"
#include "tls/credentials.h"

struct runtime {
    const struct agent_settings *settings;
    enum device_role role;
    char *data_folder, *install_folder, *install_lock;
    char will_topic[TOPIC_SIZE];
    struct buffer online, offline; /* presence payloads */
    struct buffer password;
    struct credentials *broker_credentials, *download_credentials;
    struct enrolment *enrolment; /* NULL: the certificate is provided by others */
    int64_t next_look_ms;        /* at their files; clock_boot_ms */
    struct url_proxy proxy;      /* of downloads; without an address: none */
    bool is_subscribed;          /* the connection is made, with its subscriptions */
    bool is_connection_noted;    /* the file `connected` says that this program has connected */
    int64_t connection_note_ms;  /* when that was tried last */
    int folder_lock;
    int signals;
    struct keyring *keyring;
    struct inbox *inbox;
    struct mask *mask;
    char *log_folder;
    struct log_uploader *log_uploader; /* NULL: logs are not sent */
    struct work *work;
    struct session *session;
    struct agent *agent;
    struct technician_listener *technician; /* NULL: none */
    char *technician_path;
};

/* Opens everything; call runtime_close after a fault, too. */
enum tc_error runtime_open(struct runtime *runtime, struct tc_fault *fault);
/* Waits at most `session_wait_ms` to publish `offline` to the broker. */
void runtime_close(struct runtime *runtime, int session_wait_ms);

struct agent_time runtime_now(void);

#endif
