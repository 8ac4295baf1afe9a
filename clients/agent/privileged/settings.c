#include "clients/agent/privileged/settings.h"

#include "base/file.h"
#include "base/id.h"

#define SETTINGS_STRUCT struct install_settings
#include "config/settings_rows.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keys of one group stand together: settings_print writes them under one heading. */
static const struct setting rows[] = {
    TEXT("device", device, "", "This device's ID; instructions for another one are refused."),
    TEXT("state_folder", state_folder, "/var/lib/tellercast-install",
         "Folder of the record of what was done, and of the artifacts that are being installed."),
    TEXT("trusted_keys", trusted_keys, "/etc/tellercast/trusted-keys.json",
         "JWK Set file of the first keys that may sign instructions; learned ones are in state_folder."),
    TEXT("socket", socket_path, "", "Unix socket to make; empty: the one that systemd hands over."),

    CHOICE("log.level", log_level, "info", "debug|info|warning|error", "Minimum log level."),
    CHOICE("log.format", log_format, "text", "text|json", "Log format: one event a line, as text or as JSON."),

    TEXT("actions.install", action_install, "", "Executable that installs an artifact; empty: installs are refused."),
    TEXT("actions.rollback", action_rollback, "", "Executable that puts the previous version back."),
    TEXT("actions.configure", action_configure, "", "Executable that applies parameters."),
    TEXT("actions.collect", action_collect, "", "Executable that uploads a named file."),
    TEXT("actions.run", action_run, "", "Executable that runs a named procedure."),
    TEXT("actions.versions", action_versions, "",
         "Executable that prints the installed versions; empty: actions.install."),
    TEXT("actions.folder", action_folder, "", "Folder in which the executables run; empty: state_folder/installed."),
    DURATION("actions.timeout", action_timeout_ms, "60m", SECOND, 2 * DAY, "Maximum run time of an executable."),
    DURATION("actions.grace", action_grace_ms, "10s", 0, HOUR,
             "Time between asking an executable to end and killing it."),
};

const struct settings_table install_settings_table = {rows, sizeof rows / sizeof *rows};

const char *install_settings_executable(const struct install_settings *settings, enum action action)
{
    switch (action) {
    case ACTION_INSTALL: return settings->action_install;
    case ACTION_ROLLBACK: return settings->action_rollback;
    case ACTION_CONFIGURE: return settings->action_configure;
    case ACTION_COLLECT: return settings->action_collect;
    case ACTION_RUN: return settings->action_run;
    }
    return "";
}

const char *install_settings_versions(const struct install_settings *settings)
{
    return settings->action_versions[0] == '\0' ? settings->action_install : settings->action_versions;
}

enum tc_error install_file_check(const char *path, struct tc_fault *fault)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    if (found.st_uid != 0 && found.st_uid != geteuid())
        return tc_fault_set(fault, TC_DENIED, "%s: belongs to user %u, allowed: root or user %u", path,
                            (unsigned)found.st_uid, (unsigned)geteuid());
    if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return tc_fault_set(fault, TC_DENIED, "%s: has mode %04o, allowed: only its owner may write to it", path,
                            (unsigned)found.st_mode & 07777U);
    return TC_OK;
}

static enum tc_error check_executables(const struct install_settings *settings, struct tc_fault *fault)
{
    const struct {
        const char *key, *path;
    } executables[] = {
        {"actions.install", settings->action_install},
        {"actions.rollback", settings->action_rollback},
        {"actions.configure", settings->action_configure},
        {"actions.collect", settings->action_collect},
        {"actions.run", settings->action_run},
        {"actions.versions", settings->action_versions},
    };
    for (size_t i = 0; i < sizeof executables / sizeof *executables; i++) {
        const char *path = executables[i].path;
        if (path[0] == '\0')
            continue;
        if (path[0] != '/')
            return tc_fault_set(fault, TC_INVALID, "%s: found \"%s\", allowed: an absolute path", executables[i].key,
                                path);
        if (install_file_check(path, fault) == TC_DENIED)
            return tc_fault_context(fault, "%s", executables[i].key);
    }
    return TC_OK;
}

enum tc_error install_settings_check(const struct install_settings *settings, struct tc_fault *fault)
{
    if (!id_is_valid(settings->device, strlen(settings->device)))
        return tc_fault_set(fault, TC_INVALID, "device: found \"%s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -",
                            settings->device);
    if (settings->socket_path[0] != '\0' && settings->socket_path[0] != '/')
        return tc_fault_set(fault, TC_INVALID, "socket: found \"%s\", allowed: an absolute path",
                            settings->socket_path);
    if (settings->action_folder[0] != '\0' && settings->action_folder[0] != '/')
        return tc_fault_set(fault, TC_INVALID, "actions.folder: found \"%s\", allowed: an absolute path",
                            settings->action_folder);
    return check_executables(settings, fault);
}
