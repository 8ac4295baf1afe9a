#include "clients/ctl/commands/program.h"

#include "base/environment.h"
#include "clients/ctl/commands/help.h"
#include "clients/ctl/commands/session.h"
#include "tls/exit.h"

#include <locale.h>
#include <sodium.h>
#include <stdio.h>

static int put_help(const struct invocation *invocation, const struct command_group *group)
{
    struct buffer out = {0};
    struct screen screen = screen_detect(stdout);
    if (invocation->command != NULL)
        help_put_command(invocation->command, &screen, &out);
    else if (group != NULL)
        help_put_group(group, &screen, &out);
    else
        help_put_all(&screen, &out);
    session_put(&out);
    buffer_free(&out);
    return EXIT_HEALTHY;
}

static int refuse(const struct invocation *invocation, const struct command_group *group, const char *wrong)
{
    struct buffer usage = {0};
    if (invocation->command != NULL)
        help_put_usage(invocation->command, &usage);
    else
        buffer_format(&usage, "tellercast %s%sCOMMAND", group == NULL ? "" : group->name, group == NULL ? "" : " ");
    (void)fprintf(stderr, "tellercast: %s\nUsage: %s\nMore: tellercast %s%s--help\n", wrong, buffer_text(&usage),
                  group == NULL ? "" : group->name, group == NULL ? "" : " ");
    buffer_free(&usage);
    return EXIT_USAGE;
}

static int run(const struct invocation *invocation)
{
    struct session session;
    struct buffer ignored = {0};
    environment_ignore(&ignored);
    session_open(&session, invocation);
    int code = invocation->command->run(&session);
    session_close(&session);
    buffer_free(&ignored);
    return code;
}

/* The program has failed when its output could not be written, for example to a full disk. */
static int flush_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    (void)fprintf(stderr, "tellercast: cannot write to standard output\n");
    return code == EXIT_HEALTHY ? EXIT_ERROR : code;
}

int program_run(int count, char *const *words)
{
    struct invocation invocation;
    const struct command_group *group;
    struct buffer wrong = {0};
    int code = EXIT_ERROR;
    (void)setlocale(LC_CTYPE, "");
    tls_outlive_exit();
    if (sodium_init() < 0)
        return EXIT_ERROR;
    switch (command_line_parse(count, words, &invocation, &group, &wrong)) {
    case COMMAND_LINE_RUN: code = run(&invocation); break;
    case COMMAND_LINE_HELP: code = put_help(&invocation, group); break;
    case COMMAND_LINE_VERSION:
        code = printf("tellercast %s\n", TELLERCAST_VERSION) < 0 ? EXIT_ERROR : EXIT_HEALTHY;
        break;
    case COMMAND_LINE_WRONG: code = refuse(&invocation, group, buffer_text(&wrong)); break;
    }
    invocation_free(&invocation);
    buffer_free(&wrong);
    return flush_output(code);
}
