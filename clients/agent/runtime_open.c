#include "clients/agent/runtime_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "clients/agent/handover_run.h"
#include "clients/agent/runtime_credentials.h"
#include "clients/agent/runtime_folders.h"
#include "clients/agent/runtime_session.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    PASSWORD_SIZE_MAX = 4096,
    STOP_GRACE_MS = 1000, /* of an installer, between SIGTERM and SIGKILL */
};

struct agent_time runtime_now(void)
{
    return (struct agent_time){.monotonic_ms = clock_boot_ms(), .wall_ms = clock_now_ms()};
}

static enum tc_error effect_publish(void *context, const struct topic *topic, const void *payload, size_t length,
                                    int qos, bool retained)
{
    struct runtime *runtime = context;
    return session_publish(runtime->session, topic, payload, length, qos, retained);
}

static size_t effect_unacknowledged(void *context)
{
    struct runtime *runtime = context;
    return session_unacknowledged(runtime->session);
}

static void effect_download(void *context, const struct download_request *request)
{
    struct runtime *runtime = context;
    work_download(runtime->work, request);
}

static void effect_end_download(void *context)
{
    struct runtime *runtime = context;
    work_end_download(runtime->work);
}

static void effect_install(void *context, const struct install_request *request)
{
    struct runtime *runtime = context;
    work_install(runtime->work, request);
}

static void effect_keep_log(void *context, int64_t instruction, int32_t attempt)
{
    const struct runtime *runtime = context;
    struct buffer log = {0};
    work_take_log(runtime->work, instruction, attempt, &log);
    if (log.length > 0)
        log_uploader_add(runtime->log_uploader, instruction, attempt, &log);
    buffer_free(&log);
}

static bool effect_fetch_nonce(void *context, char nonce[static TC_ID_SIZE])
{
    const struct runtime *runtime = context;
    return handover_fetch_nonce(runtime->settings->action_socket, nonce);
}

static bool effect_give_keys(void *context, const char *token)
{
    const struct runtime *runtime = context;
    return handover_give_keys(runtime->settings->action_socket, token);
}

static uint32_t effect_random(void *context, uint32_t below)
{
    (void)context;
    return randombytes_uniform(below);
}

static enum tc_error open_keys(struct runtime *runtime, struct tc_fault *fault)
{
    char *learned = runtime_path(runtime, "learned-keys.json");
    enum tc_error error = keyring_open(runtime->settings->trusted_keys, learned, &runtime->keyring, fault);
    free(learned);
    return error;
}

static enum tc_error read_password(struct runtime *runtime, struct tc_fault *fault)
{
    const char *path = runtime->settings->broker_password_file, *key_file = runtime->settings->broker_key_file;
    if (key_file[0] != '\0' && file_check_private(key_file, fault) != TC_OK)
        return tc_fault_context(fault, "broker.key_file");
    if (path[0] == '\0')
        return TC_OK;
    enum tc_error error = file_read_secret(path, PASSWORD_SIZE_MAX, &runtime->password, fault);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "broker.password_file");
}

static enum tc_error open_signals(struct runtime *runtime, struct tc_fault *fault)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return tc_fault_set(fault, TC_INTERNAL, "sigprocmask: %s", strerror(errno));
    (void)signal(SIGPIPE, SIG_IGN);
    runtime->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (runtime->signals < 0)
        return tc_fault_set(fault, TC_INTERNAL, "signalfd: %s", strerror(errno));
    return TC_OK;
}

static void open_work(struct runtime *runtime)
{
    const struct agent_settings *settings = runtime->settings;
    if (settings->download_proxy[0] != '\0')
        TC_CHECK(url_read_proxy(settings->download_proxy, &runtime->proxy, NULL) == TC_OK);
    struct work_config config = {
        .limits = {.max_bytes = settings->download_size_limit,
                   .connect_ms = settings->download_connect_ms,
                   .stall_ms = settings->download_stall_ms,
                   .min_rate = settings->download_least_rate,
                   .longest_ms = settings->download_deadline_ms,
                   .tries = settings->download_tries,
                   .backoff_first_ms = settings->download_backoff_first_ms,
                   .backoff_longest_ms = settings->download_backoff_longest_ms,
                   .bytes_per_second = settings->download_bytes_per_second,
                   .proxy = settings->download_proxy[0] == '\0' ? NULL : &runtime->proxy},
        .install_timeout_ms = settings->actions.timeout_ms,
        .collect_timeout_ms = settings->actions.collect_timeout_ms,
        .install_grace_ms = settings->actions.grace_ms,
        .stop_grace_ms = STOP_GRACE_MS,
        .install_folder = runtime->install_folder,
        .lock_path = runtime->install_lock,
        .mask = runtime->mask,
        .inbox = runtime->inbox,
    };
    runtime_set_download_credentials(runtime, &config.limits);
    runtime->work = work_create(&config);
}

/* A device without a certificate of its own sends no logs. */
static enum tc_error open_logs(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    const char *url = settings->logs_url[0] != '\0' ? settings->logs_url : settings->enrolment_url;
    enum tc_error error = mask_open(settings->actions.mask, &runtime->mask, fault);
    if (error != TC_OK || !settings->logs_upload || url[0] == '\0' || settings->broker_certificate_file[0] == '\0')
        return error;
    runtime->log_folder = runtime_path(runtime, "logs");
    const struct log_uploader_config config = {.folder = runtime->log_folder,
                                               .url = url,
                                               .ca_file = settings->enrolment_ca_file,
                                               .certificate_file = settings->broker_certificate_file,
                                               .key_file = settings->broker_key_file};
    return log_uploader_open(&config, &runtime->log_uploader, fault);
}

/* A pull client asks for its instructions; the others ask only to learn new signing keys. */
static int64_t ask_period_ms(const struct runtime *runtime)
{
    const struct agent_settings *settings = runtime->settings;
    bool has_own = runtime->role == ROLE_PULL && settings->ask_period_ms > 0;
    return has_own ? settings->ask_period_ms : settings->ask_keys_period_ms;
}

static enum tc_error open_agent(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    const struct agent_config config = {
        .device = settings->device,
        .branch = settings->branch,
        .role = runtime->role,
        .keys = keyring_trusted(runtime->keyring),
        .keyring = runtime->keyring,
        .data_folder = runtime->data_folder,
        .executables = {[ACTION_INSTALL] = settings->actions.install,
                        [ACTION_ROLLBACK] = settings->actions.rollback,
                        [ACTION_CONFIGURE] = settings->actions.configure,
                        [ACTION_COLLECT] = settings->actions.collect,
                        [ACTION_RUN] = settings->actions.run},
        .versions_executable = action_settings_versions(&settings->actions),
        .install_socket = settings->action_socket,
        .ask_first_ms = settings->ask_first_ms,
        .ask_longest_ms = settings->ask_longest_ms,
        .ask_while_downloading_ms = settings->ask_while_downloading_ms,
        .ask_period_ms = ask_period_ms(runtime),
        .resend_first_ms = settings->report_resend_first_ms,
        .resend_longest_ms = settings->report_resend_longest_ms,
        .progress_period_ms = settings->report_progress_period_ms,
        .hold_after_dispatch_ms = settings->node_hold_after_dispatch_ms,
    };
    const struct agent_effects effects = {
        .context = runtime,
        .publish = effect_publish,
        .unacknowledged = effect_unacknowledged,
        .start_download = effect_download,
        .end_download = effect_end_download,
        .start_installer = effect_install,
        .keep_log = runtime->log_uploader == NULL ? NULL : effect_keep_log,
        .fetch_nonce = settings->action_socket[0] == '\0' ? NULL : effect_fetch_nonce,
        .give_keys = settings->action_socket[0] == '\0' ? NULL : effect_give_keys,
        .random = effect_random,
    };
    return agent_open(&config, &effects, runtime_now(), &runtime->agent, fault);
}

enum tc_error runtime_open(struct runtime *runtime, struct tc_fault *fault)
{
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return tc_fault_set(fault, TC_INTERNAL, "cannot initialize libsodium or libcurl");
    enum tc_error error = open_signals(runtime, fault);
    if (error == TC_OK)
        error = read_password(runtime, fault);
    if (error == TC_OK)
        error = runtime_open_folders(runtime, fault);
    if (error == TC_OK)
        error = runtime_open_credentials(runtime, fault);
    if (error == TC_OK)
        error = open_keys(runtime, fault);
    if (error == TC_OK)
        error = open_logs(runtime, fault);
    if (error != TC_OK)
        return error;
    runtime->inbox = inbox_create();
    open_work(runtime);
    error = runtime_open_session(runtime, fault);
    if (error == TC_OK)
        error = open_agent(runtime, fault);
    return error;
}

void runtime_close(struct runtime *runtime, int session_wait_ms)
{
    session_close(runtime->session, buffer_text(&runtime->offline), session_wait_ms);
    work_destroy(runtime->work);
    agent_close(runtime->agent);
    inbox_destroy(runtime->inbox);
    log_uploader_close(runtime->log_uploader);
    free(runtime->log_folder);
    mask_close(runtime->mask);
    runtime_close_credentials(runtime);
    keyring_close(runtime->keyring);
    if (runtime->signals >= 0)
        (void)close(runtime->signals);
    if (runtime->folder_lock >= 0)
        (void)close(runtime->folder_lock);
    buffer_free(&runtime->online);
    buffer_free(&runtime->offline);
    buffer_free(&runtime->password);
    free(runtime->data_folder);
    free(runtime->install_folder);
    free(runtime->install_lock);
    curl_global_cleanup();
}
