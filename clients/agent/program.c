#include "clients/agent/program.h"

#include "base/environment.h"
#include "base/log.h"
#include "base/process.h"
#include "clients/agent/runtime.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        case OPTION_PRINT_CONFIG: line->prints_config = true; break;
        case OPTION_VERSION: line->prints_version = true; break;
        case OPTION_HELP: line->prints_help = true; break;
        default: return false;
        }
    }
    return optind == argument_count;
}

static void print_help(FILE *out, const char *name)
{
    (void)fprintf(out,
                  "Usage: %s --config FILE\n"
                  "Runs the agent of this device: receives upgrades from the orchestrator and installs them.\n\n"
                  "  -c, --config FILE   settings file (YAML)\n"
                  "      --print-config  print the effective settings with descriptions, and exit\n"
                  "      --version       print the version and exit\n"
                  "  -h, --help          print this help and exit\n",
                  name);
}

static bool load_settings(const char *path, struct agent_settings *settings)
{
    struct document_faults faults = {0};
    struct buffer text = {0};
    enum tc_error error = TC_OK;
    if (path == NULL)
        settings_set_defaults(&agent_settings_table, settings);
    else
        error = settings_load(&agent_settings_table, path, settings, &faults);
    document_faults_print(&faults, path == NULL ? "" : path, &text);
    (void)fputs(buffer_text(&text), stderr);
    buffer_free(&text);
    document_faults_free(&faults);
    return error == TC_OK;
}

static void print_settings(const struct agent_settings *settings)
{
    struct buffer text = {0};
    settings_print(&agent_settings_table, settings, &text);
    (void)fputs(buffer_text(&text), stdout);
    buffer_free(&text);
}

static int run(const char *name, enum device_role role, const struct agent_settings *settings)
{
    struct tc_fault fault;
    enum log_level level;
    enum log_format format;
    TC_CHECK(log_level_parse(settings->log_level, &level) && log_format_parse(settings->log_format, &format));
    log_set_level(level);
    log_set_format(format);
    if (agent_settings_check(settings, role, &fault) != TC_OK) {
        (void)fprintf(stderr, "%s: %s\n", name, fault.text);
        return EXIT_USAGE;
    }
    process_forbid_dumps();
    environment_warn_ignored();
    if (runtime_run(settings, role, &fault) != TC_OK) {
        LOG_ERROR("agent.cannot_run", F_STR("error", tc_error_name(fault.code)), F_STR("fault", fault.text));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* Buffered output can still fail: on a full disk, for example. */
static int flush_output(const char *name)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%s: cannot write to standard output\n", name);
    return EXIT_FAILURE;
}

int program_run(const char *name, enum device_role role, int argument_count, char **arguments)
{
    struct command_line line;
    struct agent_settings settings = {0};
    int status;
    if (!read_command_line(argument_count, arguments, &line) ||
        (line.config == NULL && !line.prints_config && !line.prints_version && !line.prints_help)) {
        print_help(stderr, name);
        return EXIT_USAGE;
    }
    if (line.prints_help) {
        print_help(stdout, name);
        return flush_output(name);
    }
    if (line.prints_version) {
        (void)printf("%s %s\n", name, TELLERCAST_VERSION);
        return flush_output(name);
    }
    if (!load_settings(line.config, &settings)) {
        status = EXIT_USAGE;
    } else if (line.prints_config) {
        print_settings(&settings);
        status = flush_output(name);
    } else {
        status = run(name, role, &settings);
    }
    settings_free(&agent_settings_table, &settings);
    return status;
}
