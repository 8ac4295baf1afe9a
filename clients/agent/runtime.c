#include "clients/agent/runtime.h"

#include "base/clock.h"
#include "base/log.h"
#include "clients/agent/handover_run.h"
#include "clients/agent/runtime_credentials.h"
#include "clients/agent/runtime_folders.h"
#include "clients/agent/runtime_session.h"
#include "clients/agent/runtime_state.h"
#include "clients/agent/runtime_technician.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    SLEEP_MAX_MS = 60000,
    STOP_INSTALLER_WAIT_MS = 2000, /* how long an installer may continue */
    STOP_MAX_MS = 4000,
    STOP_SESSION_MS = 800,
    CONNECTION_NOTE_PERIOD_MS = 2000,
};

static void take_connection_event(struct runtime *runtime, const struct inbox_item *item)
{
    session_event(runtime->session, item, clock_boot_ms());
    runtime->is_subscribed = item->kind == INBOX_SUBSCRIBED;
    if (item->kind == INBOX_CONNECTION_FAILED || item->kind == INBOX_CONNECTION_LOST)
        agent_disconnected(runtime->agent);
    if (item->kind != INBOX_SUBSCRIBED)
        return;
    runtime_report_presence(runtime, true, runtime_now());
    agent_connected(runtime->agent);
}

static void take_item(struct runtime *runtime, const struct inbox_item *item)
{
    struct agent *agent = runtime->agent;
    switch (item->kind) {
    case INBOX_ADDRESS_FOUND:
    case INBOX_CONNECTED:
    case INBOX_SUBSCRIBED:
    case INBOX_CONNECTION_FAILED:
    case INBOX_CONNECTION_LOST: take_connection_event(runtime, item); break;
    case INBOX_MESSAGE:
        agent_message(agent, &item->message.topic, item->message.payload, item->message.length, item->message.retained,
                      runtime_now());
        break;
    case INBOX_DOWNLOADED: agent_downloaded(agent, &item->downloaded, runtime_now()); break;
    case INBOX_INSTALL_PROGRESS: agent_install_progress(agent, item->percent, item->text, runtime_now()); break;
    case INBOX_INSTALL_VERSION: agent_install_version(agent, item->name, item->text); break;
    case INBOX_INSTALLED: agent_installer_ended(agent, &item->installed, runtime_now()); break;
    }
}

static void take_items(struct runtime *runtime)
{
    struct inbox_item item;
    while (inbox_take(runtime->inbox, &item)) {
        take_item(runtime, &item);
        inbox_item_free(&item);
    }
}

/* Waits for an item, a signal, a certificate, a technician or `until_ms`. */
static void wait_until(struct runtime *runtime, int64_t until_ms)
{
    struct pollfd watched[] = {
        {.fd = inbox_descriptor(runtime->inbox), .events = POLLIN},
        {.fd = runtime->signals, .events = POLLIN},
        {.fd = runtime->enrolment == NULL ? -1 : enrolment_descriptor(runtime->enrolment), .events = POLLIN},
        {.fd = runtime_technician_descriptor(runtime), .events = POLLIN},
    };
    int64_t wait_ms = until_ms - clock_boot_ms();
    if (wait_ms < 0)
        wait_ms = 0;
    if (wait_ms > SLEEP_MAX_MS)
        wait_ms = SLEEP_MAX_MS;
    (void)poll(watched, sizeof watched / sizeof *watched, (int)wait_ms);
}

static int64_t earliest(int64_t one_ms, int64_t other_ms)
{
    return one_ms < other_ms ? one_ms : other_ms;
}

/* SIGHUP: the files of certificates may have been replaced. */
static bool is_stop_requested(struct runtime *runtime)
{
    struct signalfd_siginfo signal_info;
    while (read(runtime->signals, &signal_info, sizeof signal_info) == (ssize_t)sizeof signal_info) {
        if (signal_info.ssi_signo != SIGHUP)
            return true;
        runtime->next_look_ms = 0;
    }
    return false;
}

/* Tells what watches over an upgrade of this agent that it works: it has connected, and its privileged half answers. */
static void note_connection(struct runtime *runtime, int64_t now_ms)
{
    const char *socket_path = runtime->settings->action_socket;
    char nonce[TC_ID_SIZE];
    struct tc_fault fault;
    if (!runtime->is_subscribed || runtime->is_connection_noted ||
        now_ms < runtime->connection_note_ms + CONNECTION_NOTE_PERIOD_MS)
        return;
    runtime->connection_note_ms = now_ms;
    if (socket_path[0] != '\0' && !handover_fetch_nonce(socket_path, nonce))
        return;
    runtime->is_connection_noted = runtime_note_connected(runtime, &fault) == TC_OK;
    if (!runtime->is_connection_noted)
        LOG_WARNING("agent.connection_not_noted", F_STR("fault", fault.text));
}

static void run(struct runtime *runtime)
{
    while (!is_stop_requested(runtime)) {
        take_items(runtime);
        note_connection(runtime, clock_boot_ms());
        log_left_out(false);
        int64_t technician_ms = runtime_serve_technician(runtime, clock_boot_ms());
        int64_t agent_ms = agent_step(runtime->agent, runtime_now());
        runtime_report_presence(runtime, false, runtime_now());
        int64_t look_ms = runtime_watch_credentials(runtime, runtime_now());
        int64_t session_ms = session_step(runtime->session, runtime_has_certificate(runtime), clock_boot_ms());
        wait_until(runtime, earliest(earliest(agent_ms, technician_ms), earliest(look_ms, session_ms)));
    }
}

static void stop(struct runtime *runtime)
{
    int64_t begun_ms = clock_boot_ms();
    bool is_work_stopped = false;
    LOG_INFO("agent.stopping", F_INT("busy", agent_is_busy(runtime->agent)));
    runtime_close_technician(runtime);
    agent_stop(runtime->agent);
    for (;;) {
        take_items(runtime);
        (void)agent_step(runtime->agent, runtime_now());
        int64_t elapsed_ms = clock_boot_ms() - begun_ms;
        if (!agent_is_busy(runtime->agent) || elapsed_ms >= STOP_MAX_MS)
            break;
        if (!is_work_stopped && (!agent_is_installing(runtime->agent) || elapsed_ms >= STOP_INSTALLER_WAIT_MS)) {
            work_stop(runtime->work);
            is_work_stopped = true;
        }
        wait_until(runtime, begun_ms + (is_work_stopped ? STOP_MAX_MS : STOP_INSTALLER_WAIT_MS));
    }
}

enum tc_error runtime_run(const struct agent_settings *settings, enum device_role role, struct tc_fault *fault)
{
    struct runtime runtime = {.settings = settings, .role = role, .folder_lock = -1, .signals = -1};
    enum tc_error error = runtime_open(&runtime, fault);
    if (error == TC_OK) {
        LOG_INFO("agent.started", F_STR("device", settings->device), F_STR("role", device_role_name(role)),
                 F_STR("version", TELLERCAST_VERSION));
        runtime_open_technician(&runtime);
        run(&runtime);
        stop(&runtime);
        log_left_out(true);
        LOG_INFO("agent.stopped", F_STR("device", settings->device));
    }
    runtime_close(&runtime, STOP_SESSION_MS);
    return error;
}
