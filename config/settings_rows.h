/* The macros of rows of a settings table. The file that includes this names the struct that its rows fill:
 *
 *     #define SETTINGS_STRUCT struct daemon_settings
 *     #include "config/settings_rows.h"
 */
#ifndef TELLERCAST_CONFIG_SETTINGS_ROWS_H
#define TELLERCAST_CONFIG_SETTINGS_ROWS_H

#include "config/settings.h"

#include <stddef.h>

/* clang-format off: one row for each kind */
#define ROW(key, type, field, initial, least, most, allowed, reloads, help)                                            \
    {                                                                                                                  \
        key, type, offsetof(SETTINGS_STRUCT, field), initial, least, most, allowed, reloads, help, NULL                \
    }
#define TEXT(key, field, initial, help) ROW(key, SETTING_TEXT, field, initial, 0, 0, NULL, false, help)
#define BOOLEAN(key, field, initial, help) ROW(key, SETTING_BOOLEAN, field, initial, 0, 0, NULL, false, help)
#define CHOICE(key, field, initial, allowed, help) ROW(key, SETTING_CHOICE, field, initial, 0, 0, allowed, false, help)
/* A setting that SIGHUP can change. */
#define CHOICE_THAT_RELOADS(key, field, initial, allowed, help)                                                        \
    ROW(key, SETTING_CHOICE, field, initial, 0, 0, allowed, true, help)
#define INTEGER(key, field, initial, least, most, help)                                                                \
    ROW(key, SETTING_INTEGER, field, initial, least, most, NULL, false, help)
#define DURATION(key, field, initial, least, most, help)                                                               \
    ROW(key, SETTING_DURATION, field, initial, least, most, NULL, false, help)
#define SIZE(key, field, initial, least, most, help)                                                                   \
    ROW(key, SETTING_SIZE, field, initial, least, most, NULL, false, help)
/* A map or list that `schema_of_it` reads. */
#define DOCUMENT(key, field, initial, schema_of_it, help)                                                              \
    {                                                                                                                  \
        key, SETTING_DOCUMENT, offsetof(SETTINGS_STRUCT, field), initial, 0, 0, NULL, false, help, &(schema_of_it)     \
    }
/* A map or list that `schema_of_it` reads and SIGHUP can change. */
#define DOCUMENT_THAT_RELOADS(key, field, initial, schema_of_it, help)                                                 \
    {                                                                                                                  \
        key, SETTING_DOCUMENT, offsetof(SETTINGS_STRUCT, field), initial, 0, 0, NULL, true, help, &(schema_of_it)      \
    }
/* clang-format on */

/* Milliseconds and bytes. */
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define TIB (INT64_C(1) << 40)

#endif
