/* What the programs of a device do first: read their command line and settings. For main alone: it prints. */
#ifndef TELLERCAST_CLIENTS_AGENT_STARTUP_STARTUP_H
#define TELLERCAST_CLIENTS_AGENT_STARTUP_STARTUP_H

#include "config/settings.h"

#include <stdio.h>

/* The exit code after an unusable command line or unusable settings. */
enum { STARTUP_EXIT_USAGE = 2 };

struct startup_line {
    const char *config; /* NULL: none */
    bool prints_config, prints_version, prints_help;
};

/* Returns false when the words are unusable, or say nothing to do. */
bool startup_read_line(int argument_count, char **arguments, struct startup_line *line);

/* `purpose`: a sentence on what the program does. */
void startup_print_help(FILE *out, const char *name, const char *purpose);

/* Reads the settings of `table`, or sets the defaults when `path` is NULL; prints each fault on standard error. Free
 * the settings in any case. */
enum tc_error startup_load_settings(const struct settings_table *table, const char *path, void *settings);
/* Prints them with descriptions on standard output. */
void startup_print_settings(const struct settings_table *table, const void *settings);

/* The texts are values of settings that were checked. */
void startup_set_log(const char *level, const char *format);

/* Returns the exit code of a program that has printed on standard output, which can still fail: on a full disk, for
 * example. */
int startup_flush(const char *name);

#endif
