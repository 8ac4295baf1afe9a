#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "topics/access.h"

#include <string.h>

static bool is_user(const struct session *session, const char *option, const char *name, int *code)
{
    if (id_is_valid(name, strlen(name)))
        return true;
    *code = session_fail_usage(session, "--%s: found \"%.80s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -", option, name);
    return false;
}

int run_broker_acl(struct session *session)
{
    const struct invocation *invocation = session->invocation;
    const char *root = session_option(session, "root");
    const char *orchestrator = session_option(session, "orchestrator");
    struct buffer acl = {0};
    int code = EXIT_HEALTHY;
    if (!topic_root_is_valid(root))
        return session_fail_usage(session, "--root: found \"%.80s\", allowed: levels of A-Z a-z 0-9 _ - . joined by /",
                                  root);
    if (!is_user(session, "orchestrator", orchestrator, &code))
        return code;
    access_write_list(root, orchestrator, &acl);
    for (size_t i = 0; code == EXIT_HEALTHY && i < invocation->given_count; i++) {
        const struct option_given *given = &invocation->given[i];
        if (strcmp(given->option->name, "operator") == 0 && is_user(session, "operator", given->value, &code))
            access_write_operator(root, given->value, &acl);
    }
    if (code == EXIT_HEALTHY)
        session_put(&acl);
    buffer_free(&acl);
    return code;
}
