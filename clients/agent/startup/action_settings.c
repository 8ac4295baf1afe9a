#include "clients/agent/startup/action_settings.h"

#include "clients/agent/action/mask.h"

#include <stddef.h>

const char *action_settings_executable(const struct action_settings *settings, enum action action)
{
    switch (action) {
    case ACTION_INSTALL: return settings->install;
    case ACTION_ROLLBACK: return settings->rollback;
    case ACTION_CONFIGURE: return settings->configure;
    case ACTION_COLLECT: return settings->collect;
    case ACTION_RUN: return settings->run;
    }
    return "";
}

const char *action_settings_versions(const struct action_settings *settings)
{
    return settings->versions[0] == '\0' ? settings->install : settings->versions;
}

static enum tc_error check_mask(const char *pattern, struct tc_fault *fault)
{
    struct mask *mask = NULL;
    enum tc_error error = mask_open(pattern, &mask, fault);
    mask_close(mask);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "actions.mask");
}

enum tc_error action_settings_check(const struct action_settings *settings,
                                    enum tc_error (*check)(const char *path, struct tc_fault *fault),
                                    struct tc_fault *fault)
{
    const struct {
        const char *key, *path;
    } executables[] = {
        {"actions.install", settings->install},
        {"actions.rollback", settings->rollback},
        {"actions.configure", settings->configure},
        {"actions.collect", settings->collect},
        {"actions.run", settings->run},
        {"actions.versions", settings->versions},
    };
    for (size_t i = 0; i < sizeof executables / sizeof *executables; i++) {
        const char *path = executables[i].path;
        if (path[0] == '\0')
            continue;
        if (path[0] != '/')
            return tc_fault_set(fault, TC_INVALID, "%s: found \"%s\", allowed: an absolute path", executables[i].key,
                                path);
        enum tc_error error = check == NULL ? TC_OK : check(path, fault);
        if (error == TC_DENIED)
            return tc_fault_context(fault, "%s", executables[i].key);
    }
    return check_mask(settings->mask, fault);
}
