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

    ACTION_SETTINGS_ROWS("installs are refused.", "state_folder/installed."),
};

const struct settings_table install_settings_table = {rows, sizeof rows / sizeof *rows};

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

enum tc_error install_settings_check(const struct install_settings *settings, struct tc_fault *fault)
{
    if (!id_is_valid(settings->device, strlen(settings->device)))
        return tc_fault_set(fault, TC_INVALID, "device: found \"%s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -",
                            settings->device);
    if (settings->socket_path[0] != '\0' && settings->socket_path[0] != '/')
        return tc_fault_set(fault, TC_INVALID, "socket: found \"%s\", allowed: an absolute path",
                            settings->socket_path);
    if (settings->actions.folder[0] != '\0' && settings->actions.folder[0] != '/')
        return tc_fault_set(fault, TC_INVALID, "actions.folder: found \"%s\", allowed: an absolute path",
                            settings->actions.folder);
    return action_settings_check(&settings->actions, install_file_check, fault);
}
