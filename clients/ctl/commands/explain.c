#include "clients/ctl/commands/help.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"

#include <string.h>

int run_completion(struct session *session)
{
    static const struct {
        const char *name;
        void (*put)(struct buffer *out);
    } shells[] = {{"bash", completion_put_bash}, {"zsh", completion_put_zsh}, {"fish", completion_put_fish}};
    const char *name = session_argument(session, 0);
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, name) != 0)
            continue;
        struct buffer out = {0};
        shells[i].put(&out);
        session_put(&out);
        buffer_free(&out);
        return EXIT_HEALTHY;
    }
    return session_fail_usage(session, "found \"%.32s\", allowed: bash, zsh or fish", name);
}

static const struct command_group *find_group(const char *name)
{
    for (size_t i = 0; i < command_group_count; i++) {
        if (strcmp(command_groups[i].name, name) == 0)
            return &command_groups[i];
    }
    return NULL;
}

static bool explain(const struct session *session, struct buffer *out)
{
    size_t count = session->invocation->argument_count;
    const char *first = count > 0 ? session_argument(session, 0) : NULL;
    if (session_has(session, "markdown")) {
        help_put_markdown(out);
        return true;
    }
    if (session_has(session, "scdoc")) {
        help_put_scdoc(out);
        return true;
    }
    if (first == NULL) {
        help_put_all(&session->out, out);
        return true;
    }
    const struct command_group *group = count == 1 ? find_group(first) : NULL;
    if (group != NULL) {
        help_put_group(group, &session->out, out);
        return true;
    }
    const struct command *command =
        count == 2 ? command_find(first, session_argument(session, 1)) : command_find(NULL, first);
    if (command != NULL)
        help_put_command(command, &session->out, out);
    return command != NULL;
}

int run_help(struct session *session)
{
    struct buffer out = {0};
    bool found = explain(session, &out);
    session_put(&out);
    buffer_free(&out);
    return found ? EXIT_HEALTHY : session_fail_usage(session, "unknown command");
}
