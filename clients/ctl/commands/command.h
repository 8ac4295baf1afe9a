/* The table of commands. It drives the parsing of the command line, the help, the manual page docs/cli.md and the
 * completion of the shell. */
#ifndef TELLERCAST_CTL_COMMAND_H
#define TELLERCAST_CTL_COMMAND_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct session;

struct option {
    const char *name;          /* "server"; NULL ends a list */
    const char *value;         /* "URL"; NULL: a flag without a value */
    const char *variable;      /* environment variable, used when the option is not given; or NULL */
    const char *default_value; /* default value; NULL: none; option_required: none, and the command needs the option */
    const char *help;
};

/* The option of every order. */
#define REASON                                                                                                         \
    {                                                                                                                  \
        "reason", "TEXT", NULL, option_required, "The reason. It is recorded with your name."                          \
    }
/* Ends a list of options. */
#define NO_OPTION                                                                                                      \
    {                                                                                                                  \
        NULL, NULL, NULL, NULL, NULL                                                                                   \
    }

extern const char option_required[];
bool option_is_required(const struct option *option);

struct command {
    const char *group; /* "rollout"; NULL: no group */
    const char *name;
    const char *arguments;               /* "ID|NAME"; "" for none */
    size_t least, most;                  /* number of arguments */
    const char *summary;                 /* one line */
    const char *more;                    /* further sentences, or NULL */
    const struct option *options;        /* its own options; the last has no name */
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
extern const struct option global_options[]; /* the last has no name */

enum { ARGUMENTS_UNBOUNDED = 100000, OPTIONS_GIVEN_MAX = 32 };

struct option_given {
    const struct option *option;
    const char *value; /* NULL for a flag */
};

/* A parsed command line. Texts are borrowed from it. */
struct invocation {
    const struct command *command;
    const char **arguments; /* owned */
    size_t argument_count;
    struct option_given given[OPTIONS_GIVEN_MAX];
    size_t given_count;
};

enum command_line {
    COMMAND_LINE_RUN,
    COMMAND_LINE_HELP, /* for `invocation->command`, for `group`, or for all commands */
    COMMAND_LINE_VERSION,
    COMMAND_LINE_WRONG, /* `wrong` has the reason */
};

/* Parses the arguments of main, the program's name included. A command runs only with all options that it needs. Call
 * invocation_free in any case. */
enum command_line command_line_parse(int count, char *const *words, struct invocation *invocation,
                                     const struct command_group **group, struct buffer *wrong);
void invocation_free(struct invocation *invocation);

/* Returns the last value given for an option, else that of the environment, else the default, else NULL. The option
 * must be global or belong to the command. */
const char *invocation_option(const struct invocation *invocation, const char *name);
bool invocation_has(const struct invocation *invocation, const char *name); /* given on the command line */

/* Returns NULL for an unknown command. `group` may be NULL. */
const struct command *command_find(const char *group, const char *name);

#endif
