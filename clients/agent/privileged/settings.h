/* The settings of tellercast-install. The table in settings.c says each key's default, unit and help. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_SETTINGS_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_SETTINGS_H

#include "base/fault.h"
#include "clients/agent/startup/action_settings.h"
#include "config/settings.h"

struct install_settings {
    char *device;
    char *state_folder;
    char *trusted_keys;
    char *socket_path;
    char *log_level, *log_format;

    struct action_settings actions;
};

extern const struct settings_table install_settings_table;

/* Checks the ID and the paths. TC_INVALID. */
enum tc_error install_settings_check(const struct install_settings *settings, struct tc_fault *fault);

/* TC_DENIED when another user than root and this one owns the file, or others may write to it: then others decide what
 * this process runs or trusts. TC_NOT_FOUND. */
enum tc_error install_file_check(const char *path, struct tc_fault *fault);

#endif
