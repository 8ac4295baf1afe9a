/* What the table of commands says of itself: help on the terminal, the manual page, the shell's completion. */
#ifndef TELLERCAST_CTL_HELP_H
#define TELLERCAST_CTL_HELP_H

#include "clients/ctl/commands/command.h"
#include "clients/ctl/screen/look.h"

void help_put_all(const struct look *look, struct buffer *out);
void help_put_group(const struct command_group *group, const struct look *look, struct buffer *out);
void help_put_command(const struct command *command, const struct look *look, struct buffer *out);

/* "tellercast rollout submit FILE [--via DOOR] …" */
void help_put_usage(const struct command *command, struct buffer *out);

/* The text of docs/cli.md. */
void help_put_markdown(struct buffer *out);

/* A script for bash, to be read with `source <(tellercast completion bash)`. */
void completion_put_bash(struct buffer *out);

#endif
