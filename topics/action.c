#include "topics/token.h"

#include <string.h>

static const struct {
    const char *name;
    bool needs_artifact;
} actions[] = {
    [ACTION_INSTALL] = {"install", true},
    [ACTION_ROLLBACK] = {"rollback", false},
    [ACTION_CONFIGURE] = {"configure", false},
    [ACTION_COLLECT] = {"collect", false},
    [ACTION_RUN] = {"run", false},
};
enum { ACTION_COUNT = sizeof actions / sizeof *actions };

const char *action_name(enum action action)
{
    TC_CHECK((size_t)action < ACTION_COUNT);
    return actions[action].name;
}

bool action_parse(const char *name, enum action *action)
{
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(name, actions[i].name) == 0) {
            *action = (enum action)i;
            return true;
        }
    }
    return false;
}

bool action_needs_artifact(enum action action)
{
    TC_CHECK((size_t)action < ACTION_COUNT);
    return actions[action].needs_artifact;
}
