/* The manual page tellercast(1) in the format of scdoc, https://git.sr.ht/~sircmpwn/scdoc: scdoc(5). */
#include "clients/ctl/commands/exit_code.h"
#include "clients/ctl/commands/help.h"

#include <stdio.h>
#include <string.h>

/* Appends text that has no markup. */
static void put_plain(const char *text, struct buffer *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("\\*_[]|#-.~", *c) != NULL)
            buffer_put_text(out, "\\");
        buffer_put(out, c, 1);
    }
}

static void put_bold(const char *text, struct buffer *out)
{
    buffer_put_text(out, "*");
    put_plain(text, out);
    buffer_put_text(out, "*");
}

/* A name, and its explanation in an indented paragraph. */
static void put_entry(const char *name, const char *help, struct buffer *out)
{
    put_bold(name, out);
    buffer_put_text(out, "\n\t");
    put_plain(help, out);
    buffer_put_text(out, "\n\n");
}

static void put_options(const struct option *options, struct buffer *out)
{
    for (; options != NULL && options->name != NULL; options++) {
        struct buffer name = {0}, help = {0};
        help_put_option_name(options, &name);
        help_put_option(options, &help);
        put_entry(buffer_text(&name), buffer_text(&help), out);
        buffer_free(&name);
        buffer_free(&help);
    }
}

static void put_command(const struct command *command, struct buffer *out)
{
    struct buffer usage = {0};
    help_put_usage(command, &usage);
    put_bold(buffer_text(&usage), out);
    buffer_free(&usage);
    buffer_put_text(out, "\n\n");
    put_plain(command->summary, out);
    if (command->more != NULL) {
        buffer_put_text(out, " ");
        put_plain(command->more, out);
    }
    buffer_put_text(out, "\n\n");
    put_options(command->options, out);
}

void help_put_scdoc(struct buffer *out)
{
    buffer_put_text(out, "tellercast(1)\n\n"
                         "# NAME\n\n"
                         "tellercast - upgrades a bank's machines over MQTT\n\n"
                         "# SYNOPSIS\n\n"
                         "*tellercast* COMMAND [OPTION]\n\n"
                         "# DESCRIPTION\n\n"
                         "*tellercast* is the operator's command. Data goes to standard output, messages to standard "
                         "error; *\\-\\-json* gives the data as JSON. A rollout is named by its ID or its name; where "
                         "that is ambiguous, by id=7 or name=7.\n\n"
                         "# COMMANDS\n\n");
    for (size_t i = 0; i <= command_group_count; i++) {
        const struct command_group *group = i < command_group_count ? &command_groups[i] : NULL;
        buffer_put_text(out, "## ");
        buffer_put_text(out, group == NULL ? "Other" : group->summary);
        buffer_put_text(out, "\n\n");
        for (size_t k = 0; k < command_count; k++) {
            if (help_is_in_group(&commands[k], group))
                put_command(&commands[k], out);
        }
    }
    buffer_put_text(out, "# OPTIONS OF EVERY COMMAND\n\n"
                         "An option takes precedence over its environment variable, and that over the default.\n\n");
    put_options(global_options, out);
    buffer_put_text(out, "# EXIT STATUS\n\n");
    for (size_t i = 0; i < exit_meaning_count; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%d", (int)exit_meanings[i].code);
        put_entry(code, exit_meanings[i].meaning, out);
    }
    buffer_put_text(out, "# NOTES\n\nThe document docs/cli.md has the same text.\n");
}
