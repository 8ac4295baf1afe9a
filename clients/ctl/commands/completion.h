/* Shared by the completions of the shells. Private to completion*.c. */
#ifndef TELLERCAST_CTL_COMPLETION_H
#define TELLERCAST_CTL_COMPLETION_H

#include "clients/ctl/commands/help.h"

/* Appends "rollout submit", or "watch". */
void completion_put_name(const struct command *command, struct buffer *out);

/* Calls `put` with each option that has a value and a name that no option before has: the global ones first. */
void completion_each_value(void (*put)(const struct option *option, struct buffer *out), struct buffer *out);
/* Appends "--format|", for the pattern of all options with a value. */
void completion_put_pattern(const struct option *option, struct buffer *out);
/* Appends "csv yaml" for "csv|yaml"; nothing for values that are not a list. */
void completion_put_choices(const struct option *option, const char *between, struct buffer *out);

#endif
