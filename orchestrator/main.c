/* tellercastd: the orchestrator. */
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/daemon.h"
#include "orchestrator/options.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* How often the parts are looked at, and for how long one may stand still before the watchdog is not fed. */
enum { LOOK_PERIOD_S = 1, STANDSTILL_MS = 60000 };

/* How long the end may take: a server that hangs must not hold it up. */
enum { END_MS = 4000 };

/* Signals are taken by main alone, one at a time. */
static void hold_signals(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Each connection of the HTTP door is a file. */
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
        const struct document_fault *wrong = &faults->items[i];
        struct buffer text = {0};
        buffer_format(&text, "%s%s%s", wrong->path, *wrong->path == '\0' ? "" : ": ", wrong->detail);
        LOG_ERROR("settings.fault", F_STR("file", config_file), F_INT("line", wrong->line),
                  F_INT("column", wrong->column), F_STR("text", buffer_text(&text)));
        buffer_free(&text);
    }
}

static void reload(struct daemon *daemon, const char *config_file)
{
    struct daemon_settings fresh;
    struct document_faults faults = {0};
    bool good = options_read_settings(config_file, &fresh, &faults);
    log_faults(&faults, config_file);
    document_faults_free(&faults);
    if (!good) {
        LOG_ERROR("settings.refused", F_STR("file", config_file), F_STR("reason", "the old settings stay in force"));
        return;
    }
    set_log(&fresh);
    daemon_reload(daemon, &fresh);
    settings_free(&daemon_settings_table, &fresh);
    LOG_INFO("settings.reloaded", F_STR("file", config_file));
}

static void feed_watchdog(const struct daemon *daemon)
{
    const char *part;
    if (daemon_is_alive(daemon, STANDSTILL_MS, &part))
        (void)sd_notify(0, "WATCHDOG=1");
    else
        LOG_ERROR("watchdog.starved", F_STR("part", part));
}

static void run_until_told(struct daemon *daemon, const char *config_file, const sigset_t *signals)
{
    for (;;) {
        switch (sigtimedwait(signals, NULL, &(struct timespec){.tv_sec = LOOK_PERIOD_S})) {
        case SIGTERM:
        case SIGINT: return;
        case SIGHUP: reload(daemon, config_file); break;
        default: feed_watchdog(daemon); break;
        }
    }
}

/* What is not committed yet was not accepted, and what is claimed is another's after its lease: nothing is lost by an
 * end like that of kill -9, which can come at any time. */
static void *cut_short(void *argument)
{
    (void)argument;
    (void)nanosleep(&(struct timespec){.tv_sec = END_MS / 1000}, NULL);
    LOG_WARNING("daemon.cut_short", F_INT("after_ms", END_MS), F_STR("reason", "a server does not answer"));
    _exit(EXIT_SUCCESS);
}

static void end_in_time(void)
{
    pthread_t thread;
    struct tc_fault fault;
    if (thread_start(&thread, "end", cut_short, NULL, &fault) == TC_OK)
        (void)pthread_detach(thread);
    else
        LOG_WARNING("daemon.end_not_limited", F_STR("reason", fault.text));
}

static int say_why_not_started(enum tc_error error, const struct tc_fault *fault)
{
    if (error == TC_TIMEOUT) {
        LOG_INFO("daemon.stopped", F_STR("reason", fault->text));
        return EXIT_SUCCESS;
    }
    LOG_ERROR("daemon.not_started", F_STR("reason", fault->text));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options;
    int exit_code;
    if (!options_read(argc, argv, &options, &exit_code) || options.done) {
        options_free(&options);
        return exit_code;
    }
    sigset_t signals;
    hold_signals(&signals);
    raise_file_limit();
    set_log(&options.settings);

    struct daemon *daemon;
    struct tc_fault fault;
    enum tc_error error = daemon_open(&options.settings, &daemon, &fault);
    if (error != TC_OK) {
        options_free(&options);
        return say_why_not_started(error, &fault);
    }
    (void)sd_notify(0, "READY=1");
    run_until_told(daemon, options.config_file, &signals);
    (void)sd_notify(0, "STOPPING=1");
    end_in_time();
    daemon_close(daemon);
    LOG_INFO("daemon.stopped");
    options_free(&options);
    return EXIT_SUCCESS;
}
