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

/* Writes the text of docs/cli.md. */
void help_put_markdown(struct buffer *out);

/* Writes a script for bash, to be read with `source <(tellercast completion bash)`. */
void completion_put_bash(struct buffer *out);

#endif
