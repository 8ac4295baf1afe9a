/* tellercastd: the orchestrator. */
#include "base/clock.h"
#include "base/environment.h"
#include "base/log.h"
#include "base/process.h"
#include "base/thread.h"
#include "orchestrator/administration.h"
#include "orchestrator/daemon.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/expiry.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/migration.h"
#include "orchestrator/options.h"
#include "orchestrator/store/store.h"
#include "orchestrator/worker/ending.h"
#include "tls/exit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* The period of the check of the parts. A part without progress for two periods of the service manager's watchdog, or
 * for STANDSTILL_MS without one, is stuck: then the watchdog is not fed. */
enum { CHECK_PERIOD_S = 1, STANDSTILL_MS = 60000, US_PER_MS = 1000, START_CHECK_MS = 100 };

static atomic_bool is_starting = true;

/* Only main receives signals, one at a time. */
static void block_signals(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Each connection of the HTTP endpoint needs a file descriptor. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        LOG_WARNING("daemon.few_files", F_INT("limit", limit.rlim_cur));
}

static void set_log(const struct daemon_settings *settings)
{
    enum log_level level;
    enum log_format format;
    if (log_level_parse(settings->log_level, &level))
        log_set_level(level);
    if (log_format_parse(settings->log_format, &format))
        log_set_format(format);
}

static void log_faults(const struct document_faults *faults, const char *config_file)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct document_fault *fault = &faults->items[i];
        struct buffer text = {0};
        buffer_format(&text, "%s%s%s", fault->path, *fault->path == '\0' ? "" : ": ", fault->detail);
        LOG_ERROR("settings.fault", F_STR("file", config_file), F_INT("line", fault->line),
                  F_INT("column", fault->column), F_STR("text", buffer_text(&text)));
        buffer_free(&text);
    }
}

/* All that can be changed, or nothing. */
static void reload(struct daemon *daemon, const char *config_file)
{
    struct daemon_settings fresh;
    struct document_faults faults = {0};
    bool is_read = options_read_settings(config_file, SETTINGS_TO_RUN, &fresh, &faults);
    log_faults(&faults, config_file);
    document_faults_free(&faults);
    if (is_read) {
        daemon_reload(daemon, &fresh);
        set_log(&fresh);
        LOG_INFO("settings.reloaded", F_STR("file", config_file));
    } else {
        LOG_ERROR("settings.refused", F_STR("file", config_file), F_STR("reason", "the old settings stay in force"));
    }
    if (is_read)
        settings_free(&daemon_settings_table, &fresh);
}

static int64_t standstill_ms(void)
{
    uint64_t period_us;
    return sd_watchdog_enabled(0, &period_us) > 0 ? (int64_t)(period_us / US_PER_MS) * 2 : STANDSTILL_MS;
}

static void feed_watchdog(const struct daemon *daemon)
{
    const char *part;
    if (daemon_is_alive(daemon, standstill_ms(), &part))
        (void)sd_notify(0, "WATCHDOG=1");
    else
        LOG_ERROR("watchdog.starved", F_STR("part", part));
}

/* Returns the exit code. */
static int run_until_stopped(struct daemon *daemon, const char *config_file, const sigset_t *signals)
{
    while (!daemon_has_lost_its_name(daemon)) {
        switch (sigtimedwait(signals, NULL, &(struct timespec){.tv_sec = CHECK_PERIOD_S})) {
        case SIGTERM:
        case SIGINT: return EXIT_SUCCESS;
        case SIGHUP: reload(daemon, config_file); break;
        default: feed_watchdog(daemon); break;
        }
        daemon_watch_certificates(daemon);
        log_left_out(false);
    }
    return EXIT_FAILURE;
}

/* Exits when the shutdown takes too long. Nothing is lost, as by kill -9: uncommitted work was not accepted, and
 * another orchestrator takes over claims when their lease expires. */
static void *limit_shutdown(void *argument)
{
    (void)argument;
    clock_sleep_ms(END_MS);
    LOG_WARNING("daemon.cut_short", F_INT("after_ms", END_MS), F_STR("reason", "a server does not answer"));
    _exit(EXIT_SUCCESS);
}

/* The same during the start, which waits for servers as well. */
static void *limit_start(void *argument)
{
    while (is_starting && !daemon_setup_is_asked_to_stop())
        clock_sleep_ms(START_CHECK_MS);
    return is_starting ? limit_shutdown(argument) : NULL;
}

static void start_limit(void *(*limit)(void *argument))
{
    pthread_t thread;
    struct tc_fault fault;
    if (thread_start(&thread, "end", limit, NULL, &fault) == TC_OK)
        (void)pthread_detach(thread);
    else
        LOG_WARNING("daemon.end_not_limited", F_STR("reason", fault.text));
}

static int report_failed_start(enum tc_error error, const struct tc_fault *fault)
{
    if (error == TC_TIMEOUT) {
        LOG_INFO("daemon.stopped", F_STR("reason", fault->text));
        return EXIT_SUCCESS;
    }
    LOG_ERROR("daemon.not_started", F_STR("reason", fault->text));
    return EXIT_FAILURE;
}

/* What nobody may overlook: the installation lets everybody in who is on this machine. */
static void allow_insecure_loopback(const struct daemon_settings *settings)
{
    metric_set(METRIC_INSECURE_LOOPBACK, settings->insecure_loopback ? 1 : 0);
    if (!settings->insecure_loopback)
        return;
    store_allow_insecure_loopback();
    LOG_WARNING("daemon.insecure_loopback",
                F_STR("means", "servers and clients on loopback may be without credentials; for tests alone"));
}

static int migrate(const struct daemon_settings *settings)
{
    struct tc_fault fault;
    (void)signal(SIGPIPE, SIG_IGN);
    environment_warn_ignored();
    if (migration_run(settings, &fault) == TC_OK) {
        LOG_INFO("database.is_current");
        return EXIT_SUCCESS;
    }
    LOG_ERROR("database.not_migrated", F_STR("reason", fault.text));
    return EXIT_FAILURE;
}

static int make_admin(const struct options *options)
{
    struct tc_fault fault;
    (void)signal(SIGPIPE, SIG_IGN);
    process_forbid_dumps();
    environment_warn_ignored();
    if (administration_make_admin(&options->settings, options->new_admin, &fault) == TC_OK)
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    LOG_ERROR("admin.not_created", F_STR("person", options->new_admin), F_STR("reason", fault.text));
    return EXIT_FAILURE;
}

static int expire_acts(const struct options *options)
{
    struct tc_fault fault;
    (void)signal(SIGPIPE, SIG_IGN);
    process_forbid_dumps();
    environment_warn_ignored();
    if (expiry_run(&options->settings, options->expiry_folder, options->expiry_key_file, &fault) == TC_OK)
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    LOG_ERROR("acts.not_expired", F_STR("reason", fault.text));
    return EXIT_FAILURE;
}

static bool has_command(const struct options *options)
{
    return options->migrates || options->new_admin != NULL || options->expires_acts;
}

static int run_command(const struct options *options)
{
    if (options->migrates)
        return migrate(&options->settings);
    return options->expires_acts ? expire_acts(options) : make_admin(options);
}

int main(int argc, char **argv)
{
    struct options options;
    int exit_code;
    tls_outlive_exit();
    if (!options_read(argc, argv, &options, &exit_code) || options.done) {
        options_free(&options);
        return exit_code;
    }
    set_log(&options.settings);
    allow_insecure_loopback(&options.settings);
    if (has_command(&options)) {
        exit_code = run_command(&options);
        options_free(&options);
        return exit_code;
    }
    process_forbid_dumps();
    sigset_t signals;
    block_signals(&signals);
    raise_file_limit();
    environment_warn_ignored();

    struct daemon *daemon;
    struct tc_fault fault;
    start_limit(limit_start);
    enum tc_error error = daemon_open(&options.settings, &daemon, &fault);
    is_starting = false;
    if (error != TC_OK) {
        options_free(&options);
        return report_failed_start(error, &fault);
    }
    (void)sd_notify(0, "READY=1");
    exit_code = run_until_stopped(daemon, options.config_file, &signals);
    (void)sd_notify(0, "STOPPING=1");
    start_limit(limit_shutdown);
    daemon_close(daemon);
    log_left_out(true);
    LOG_INFO("daemon.stopped");
    options_free(&options);
    return exit_code;
}
