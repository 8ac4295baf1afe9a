/* tellercast-install: the privileged half of an agent. It has no network. It checks each instruction and each artifact
 * again, and runs the executables of its own settings. docs/installers.md describes it. */
#include "base/environment.h"
#include "base/log.h"
#include "base/process.h"
#include "clients/agent/privileged/listener.h"
#include "clients/agent/privileged/performer.h"
#include "clients/agent/privileged/settings.h"
#include "clients/agent/startup/startup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NAME "tellercast-install"

static const char purpose[] = "The privileged half of an agent: checks what the agent hands over, and runs it.";

/* The settings say what this process runs: nobody else may write them. */
static enum tc_error load_settings(const char *path, struct install_settings *settings)
{
    struct tc_fault fault;
    if (path != NULL && install_file_check(path, &fault) == TC_DENIED) {
        (void)fprintf(stderr, NAME ": %s\n", fault.text);
        settings_set_defaults(&install_settings_table, settings);
        return TC_DENIED;
    }
    return startup_load_settings(&install_settings_table, path, settings);
}

static enum tc_error open_signals(int *signals, struct tc_fault *fault)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    *signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *signals >= 0 ? TC_OK : tc_fault_set(fault, TC_INTERNAL, "signalfd: %s", strerror(errno));
}

static enum tc_error serve(const struct install_settings *settings, struct tc_fault *fault)
{
    struct performer *performer = NULL;
    int signals = -1, listening = -1;
    enum tc_error error = open_signals(&signals, fault);
    if (error == TC_OK)
        error = performer_open(settings, &performer, fault);
    if (error == TC_OK)
        error = listener_open(settings->socket_path, &listening, fault);
    if (error == TC_OK) {
        LOG_INFO("installer.started", F_STR("device", settings->device), F_STR("version", TELLERCAST_VERSION));
        listener_run(listening, signals, performer);
        LOG_INFO("installer.stopped", F_STR("device", settings->device));
    }
    if (listening >= 0)
        (void)close(listening);
    performer_close(performer);
    if (signals >= 0)
        (void)close(signals);
    return error;
}

static int run(const struct install_settings *settings)
{
    struct tc_fault fault;
    startup_set_log(settings->log_level, settings->log_format);
    if (install_settings_check(settings, &fault) != TC_OK) {
        (void)fprintf(stderr, NAME ": %s\n", fault.text);
        return STARTUP_EXIT_USAGE;
    }
    process_forbid_dumps();
    environment_warn_ignored();
    if (serve(settings, &fault) == TC_OK)
        return EXIT_SUCCESS;
    LOG_ERROR("installer.cannot_run", F_STR("error", tc_error_name(fault.code)), F_STR("fault", fault.text));
    return EXIT_FAILURE;
}

int main(int argument_count, char **arguments)
{
    struct startup_line line;
    struct install_settings settings = {0};
    int status;
    if (!startup_read_line(argument_count, arguments, &line)) {
        startup_print_help(stderr, NAME, purpose);
        return STARTUP_EXIT_USAGE;
    }
    if (line.prints_help) {
        startup_print_help(stdout, NAME, purpose);
        return startup_flush(NAME);
    }
    if (line.prints_version) {
        (void)puts(NAME " " TELLERCAST_VERSION);
        return startup_flush(NAME);
    }
    if (load_settings(line.config, &settings) != TC_OK) {
        status = STARTUP_EXIT_USAGE;
    } else if (line.prints_config) {
        startup_print_settings(&install_settings_table, &settings);
        status = startup_flush(NAME);
    } else {
        status = run(&settings);
    }
    settings_free(&install_settings_table, &settings);
    return status;
}
