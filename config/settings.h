/* Settings files. One table for each program has the key, type, default, bounds and help of every setting; it loads the
 * YAML file, prints the settings in force, and writes the documentation. */
#ifndef TELLERCAST_CONFIG_SETTINGS_H
#define TELLERCAST_CONFIG_SETTINGS_H

#include "base/buffer.h"
#include "base/fault.h"
#include "config/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schema_key;

enum setting_type {
    SETTING_TEXT,     /* char *; owned by the settings */
    SETTING_INTEGER,  /* int64_t */
    SETTING_DURATION, /* int64_t milliseconds; written 500ms, 15s, 10m, 3h, 2d */
    SETTING_SIZE,     /* int64_t bytes; written 512, 64KiB, 412MiB, 2GiB */
    SETTING_BOOLEAN,  /* bool */
    SETTING_CHOICE,   /* char *; one of `allowed`, words joined by '|' */
    SETTING_DOCUMENT, /* char *; read by `schema`, kept as JSON */
};

struct setting {
    const char *key; /* "broker.port" */
    enum setting_type type;
    size_t offset; /* of the field in the program's struct */
    const char *initial;
    int64_t least, most; /* of numbers; both 0: no bounds */
    const char *allowed; /* of a choice */
    bool reloads;        /* SIGHUP may change it */
    const char *help;    /* with its unit */
    const struct schema_key *schema;
};

struct settings_table {
    const struct setting *rows;
    size_t count;
};

/* Fills the program's struct with the defaults. Does not free previous values. */
void settings_set_defaults(const struct settings_table *table, void *settings);
/* Reads the defaults, then the values of the file. On any fault the struct has the defaults, and `faults` has all
 * faults. */
/* In a file, `credential:NAME` as the name of a file means that credential of systemd. */
enum tc_error settings_load(const struct settings_table *table, const char *path, void *settings,
                            struct document_faults *faults);
/* As settings_load, from memory. */
enum tc_error settings_parse(const struct settings_table *table, const void *bytes, size_t length, void *settings,
                             struct document_faults *faults);
/* Writes the settings in force as YAML, each with its help as a comment. */
void settings_print(const struct settings_table *table, const void *settings, struct buffer *out);
/* Whether this setting has another value in `others`. */
bool setting_differs(const struct setting *row, const void *settings, const void *others);
void settings_free(const struct settings_table *table, void *settings);

#endif
