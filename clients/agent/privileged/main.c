/* tellercast-install: the privileged half of an agent. It has no network. It checks each instruction and each artifact
 * again, and runs the executables of its own settings. docs/installers.md describes it. */
#include "base/environment.h"
#include "base/log.h"
#include "base/process.h"
#include "clients/agent/privileged/listener.h"
#include "clients/agent/privileged/performer.h"
#include "clients/agent/privileged/settings.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NAME "tellercast-install"

enum { EXIT_USAGE = 2 };
enum option_value { OPTION_CONFIG = 'c', OPTION_HELP = 'h', OPTION_PRINT_CONFIG = 256, OPTION_VERSION };

struct command_line {
    const char *config; /* NULL: none */
    bool prints_config, prints_version, prints_help;
};

static bool read_command_line(int argument_count, char **arguments, struct command_line *line)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    int option;
    *line = (struct command_line){0};
    while ((option = getopt_long(argument_count, arguments, "c:h", options, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG: line->config = optarg; break;
        case OPTION_HELP: line->prints_help = true; break;
        case OPTION_PRINT_CONFIG: line->prints_config = true; break;
        case OPTION_VERSION: line->prints_version = true; break;
        default: return false;
        }
    }
    return optind == argument_count &&
           (line->config != NULL || line->prints_config || line->prints_version || line->prints_help);
}

static void print_help(FILE *out)
{
    (void)fputs("Usage: " NAME " --config FILE\n"
                "The privileged half of an agent: checks what the agent hands over, and runs it.\n\n"
                "  -c, --config FILE   settings file (YAML)\n"
                "      --print-config  print the effective settings with descriptions, and exit\n"
                "      --version       print the version and exit\n"
                "  -h, --help          print this help and exit\n",
                out);
}

/* The settings say what this process runs: nobody else may write them. */
static enum tc_error load_settings(const char *path, struct install_settings *settings)
{
    struct document_faults faults = {0};
    struct buffer text = {0};
    struct tc_fault fault;
    if (path == NULL) {
        settings_set_defaults(&install_settings_table, settings);
        return TC_OK;
    }
    if (install_file_check(path, &fault) == TC_DENIED) {
        (void)fprintf(stderr, NAME ": %s\n", fault.text);
        settings_set_defaults(&install_settings_table, settings);
        return TC_DENIED;
    }
    enum tc_error error = settings_load(&install_settings_table, path, settings, &faults);
    document_faults_print(&faults, path, &text);
    (void)fputs(buffer_text(&text), stderr);
    buffer_free(&text);
    document_faults_free(&faults);
    return error;
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
    enum log_level level;
    enum log_format format;
    TC_CHECK(log_level_parse(settings->log_level, &level) && log_format_parse(settings->log_format, &format));
    log_set_level(level);
    log_set_format(format);
    if (install_settings_check(settings, &fault) != TC_OK) {
        (void)fprintf(stderr, NAME ": %s\n", fault.text);
        return EXIT_USAGE;
    }
    process_forbid_dumps();
    environment_warn_ignored();
    if (serve(settings, &fault) == TC_OK)
        return EXIT_SUCCESS;
    LOG_ERROR("installer.cannot_run", F_STR("error", tc_error_name(fault.code)), F_STR("fault", fault.text));
    return EXIT_FAILURE;
}

static int print_settings(const struct install_settings *settings)
{
    struct buffer text = {0};
    settings_print(&install_settings_table, settings, &text);
    (void)fputs(buffer_text(&text), stdout);
    buffer_free(&text);
    return EXIT_SUCCESS;
}

/* Buffered output can still fail: on a full disk, for example. */
static int flush_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    (void)fputs(NAME ": cannot write to standard output\n", stderr);
    return EXIT_FAILURE;
}

int main(int argument_count, char **arguments)
{
    struct command_line line;
    struct install_settings settings = {0};
    int status = EXIT_USAGE;
    if (!read_command_line(argument_count, arguments, &line)) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (line.prints_help) {
        print_help(stdout);
        return flush_output();
    }
    if (line.prints_version) {
        (void)puts(NAME " " TELLERCAST_VERSION);
        return flush_output();
    }
    if (load_settings(line.config, &settings) == TC_OK)
        status = line.prints_config ? print_settings(&settings) : run(&settings);
    settings_free(&install_settings_table, &settings);
    int flushed = flush_output();
    return status == EXIT_SUCCESS ? flushed : status;
}
