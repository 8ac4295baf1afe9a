/* Texts generated from the table of commands: help, the manual page, the shell's completion. */
#ifndef TELLERCAST_CTL_HELP_H
#define TELLERCAST_CTL_HELP_H

#include "clients/ctl/commands/command.h"
#include "clients/ctl/screen/screen.h"

void help_put_all(const struct screen *screen, struct buffer *out);
void help_put_group(const struct command_group *group, const struct screen *screen, struct buffer *out);
void help_put_command(const struct command *command, const struct screen *screen, struct buffer *out);

/* "tellercast rollout submit FILE [--via http|mqtt|socket] …" */
void help_put_usage(const struct command *command, struct buffer *out);

/* "--via http|mqtt|socket"; and its explanation, with its default and its variable. */
void help_put_option_name(const struct option *option, struct buffer *out);
void help_put_option(const struct option *option, struct buffer *out);
/* Whether a command is of a group; NULL: of none. */
bool help_is_in_group(const struct command *command, const struct command_group *group);

/* Writes the text of docs/cli.md. */
void help_put_markdown(struct buffer *out);

/* Writes the manual page tellercast(1), as scdoc reads it. */
void help_put_scdoc(struct buffer *out);

/* Write a script for a shell, which it reads with `source <(tellercast completion bash)`, or from a folder of
 * completions. */
void completion_put_bash(struct buffer *out);
void completion_put_zsh(struct buffer *out);
void completion_put_fish(struct buffer *out);

#endif
