/* The commands, as rows: the same table parses the command line, writes the help, the manual page
 * docs/cli.md and the shell's completion. */
#ifndef TELLERCAST_CTL_COMMAND_H
#define TELLERCAST_CTL_COMMAND_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct session;

struct option {
    const char *name;     /* "server"; NULL ends a list */
    const char *value;    /* "URL"; NULL: a switch */
    const char *variable; /* of the environment, asked when it is not given; or NULL */
    const char *initial;  /* or NULL */
    const char *help;
};

struct command {
    const char *group; /* "rollout"; NULL: stands by itself */
    const char *name;
    const char *arguments;               /* "ID|NAME"; "" for none */
    size_t least, most;                  /* how many */
    const char *summary;                 /* one line */
    const char *more;                    /* what else to know; or NULL */
    const struct option *options;        /* its own; ends with a nameless one */
    int (*run)(struct session *session); /* the exit code */
};

struct command_group {
    const char *name;
    const char *summary;
};

extern const struct command commands[];
extern const size_t command_count;
extern const struct command_group command_groups[];
extern const size_t command_group_count;
extern const struct option global_options[]; /* ends with a nameless one */

enum { ARGUMENTS_UNBOUNDED = 100000, OPTIONS_GIVEN_MAX = 32 };

struct option_given {
    const struct option *option;
    const char *value; /* NULL of a switch */
};

/* A command line that was understood. Texts are borrowed from it. */
struct invocation {
    const struct command *command;
    const char **arguments; /* owned */
    size_t argument_count;
    struct option_given given[OPTIONS_GIVEN_MAX];
    size_t given_count;
};

enum command_line {
    COMMAND_LINE_RUN,
    COMMAND_LINE_HELP, /* of `invocation->command`, of `group`, or of everything */
    COMMAND_LINE_VERSION,
    COMMAND_LINE_WRONG, /* `wrong` says why */
};

/* `count` and `words` as main's, the program's name included. Call invocation_free whatever comes back. */
enum command_line command_line_parse(int count, char *const *words, struct invocation *invocation,
                                     const struct command_group **group, struct buffer *wrong);
void invocation_free(struct invocation *invocation);

/* The last value given for an option, or the environment's, or its initial one, or NULL. The option must be one of
 * the command's or a global one. */
const char *invocation_option(const struct invocation *invocation, const char *name);
bool invocation_has(const struct invocation *invocation, const char *name); /* given on the command line */

/* NULL when there is none. `group` may be NULL. */
const struct command *command_find(const char *group, const char *name);

#endif
