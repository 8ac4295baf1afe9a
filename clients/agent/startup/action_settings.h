/* The settings of the executables of actions: an agent and its privileged half have the same. */
#ifndef TELLERCAST_CLIENTS_AGENT_STARTUP_ACTION_SETTINGS_H
#define TELLERCAST_CLIENTS_AGENT_STARTUP_ACTION_SETTINGS_H

#include "base/fault.h"
#include "topics/token.h"

#include <stdint.h>

struct action_settings {
    char *install, *rollback, *configure, *collect, *run; /* paths of executables; "": none */
    char *versions;
    char *folder;
    char *mask; /* a regular expression: see mask.h */
    int64_t timeout_ms, collect_timeout_ms, grace_ms;
};

/* The rows of a settings table whose struct has `struct action_settings actions`. `refusal` says what happens without
 * an executable that installs, `folder` where the executables run without a folder. Include config/settings_rows.h
 * first. */
#define ACTION_SETTINGS_ROWS(refusal, folder_help)                                                                     \
    TEXT("actions.install", actions.install, "", "Executable that installs an artifact; empty: " refusal),             \
        TEXT("actions.rollback", actions.rollback, "", "Executable that puts the previous version back."),             \
        TEXT("actions.configure", actions.configure, "", "Executable that applies parameters."),                       \
        TEXT("actions.collect", actions.collect, "", "Executable that prints a named file."),                          \
        TEXT("actions.run", actions.run, "", "Executable that runs a named procedure."),                               \
        TEXT("actions.versions", actions.versions, "",                                                                 \
             "Executable that prints the installed versions; empty: actions.install."),                                \
        TEXT("actions.folder", actions.folder, "", "Folder in which the executables run; empty: " folder_help),        \
        TEXT("actions.mask", actions.mask, "",                                                                         \
             "What is masked in the output of an executable before it leaves the device, as a POSIX extended regular " \
             "expression; card numbers always are."),                                                                  \
        DURATION("actions.timeout", actions.timeout_ms, "60m", SECOND, 2 * DAY, "Maximum run time of an executable."), \
        DURATION("actions.collect_timeout", actions.collect_timeout_ms, "90s", SECOND, 2 * DAY,                        \
                 "The same of actions.collect, which an installation waits for."),                                     \
        DURATION("actions.grace", actions.grace_ms, "10s", 0, HOUR,                                                    \
                 "Time between asking an executable to end and killing it.")

/* The executable of an action; "": none. */
const char *action_settings_executable(const struct action_settings *settings, enum action action);
/* The one that prints the versions; "": none. */
const char *action_settings_versions(const struct action_settings *settings);

/* TC_INVALID for a path that is not absolute, and for a mask that is no regular expression. `check`, if not NULL, is
 * asked about each executable that is set, and its TC_DENIED is returned; an executable that is not there yet is no
 * fault. */
enum tc_error action_settings_check(const struct action_settings *settings,
                                    enum tc_error (*check)(const char *path, struct tc_fault *fault),
                                    struct tc_fault *fault);

#endif
