#include "clients/agent/program.h"

#include "base/environment.h"
#include "base/log.h"
#include "base/process.h"
#include "clients/agent/runtime.h"
#include "clients/agent/startup/startup.h"
#include "tls/exit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char purpose[] =
    "Runs the agent of this device: receives upgrades from the orchestrator and installs them.";

static int run(const char *name, enum device_role role, const struct agent_settings *settings)
{
    struct tc_fault fault;
    startup_set_log(settings->log_level, settings->log_format);
    if (agent_settings_check(settings, role, &fault) != TC_OK) {
        (void)fprintf(stderr, "%s: %s\n", name, fault.text);
        LOG_ERROR("agent.cannot_run", F_STR("error", tc_error_name(fault.code)), F_STR("fault", fault.text));
        return STARTUP_EXIT_USAGE;
    }
    process_forbid_dumps();
    environment_warn_ignored();
    if (runtime_run(settings, role, &fault) != TC_OK) {
        LOG_ERROR("agent.cannot_run", F_STR("error", tc_error_name(fault.code)), F_STR("fault", fault.text));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int program_run(const char *name, enum device_role role, int argument_count, char **arguments)
{
    struct startup_line line;
    struct agent_settings settings = {0};
    int status;
    tls_outlive_exit();
    if (!startup_read_line(argument_count, arguments, &line)) {
        startup_print_help(stderr, name, purpose);
        return STARTUP_EXIT_USAGE;
    }
    if (line.prints_help) {
        startup_print_help(stdout, name, purpose);
        return startup_flush(name);
    }
    if (line.prints_version) {
        (void)printf("%s %s\n", name, TELLERCAST_VERSION);
        return startup_flush(name);
    }
    if (startup_load_settings(&agent_settings_table, line.config, &settings) != TC_OK) {
        status = STARTUP_EXIT_USAGE;
    } else if (line.prints_config) {
        startup_print_settings(&agent_settings_table, &settings);
        status = startup_flush(name);
    } else {
        status = run(name, role, &settings);
    }
    settings_free(&agent_settings_table, &settings);
    return status;
}
