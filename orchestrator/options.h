/* The command line of tellercastd. */
#ifndef TELLERCAST_ORCHESTRATOR_OPTIONS_H
#define TELLERCAST_ORCHESTRATOR_OPTIONS_H

#include "config/daemon.h"

#include <stdbool.h>

enum { EXIT_USAGE = 2 };

struct options {
    const char *config_file; /* NULL: the defaults */
    struct daemon_settings settings;
    bool done;             /* the requested output was printed; nothing to run */
    bool migrates;         /* tellercastd migrate */
    const char *new_admin; /* tellercastd admin create NAME; NULL: no */
    bool expires_acts;     /* tellercastd audit expire; then these are set */
    const char *expiry_folder, *expiry_key_file;
};

/* Reads the arguments and the settings file, and prints the requested output. False with a message on stderr and
 * `*exit_code`. */
bool options_read(int argc, char **argv, struct options *options, int *exit_code);
void options_free(struct options *options);

/* What the settings are for. */
enum settings_use { SETTINGS_TO_PRINT, SETTINGS_TO_MIGRATE, SETTINGS_TO_RUN };

/* Reads the settings file and checks it with settings_check and, as far as this use has peers, with peers_check. False
 * with all its faults in `faults`, and `settings` empty. */
bool options_read_settings(const char *config_file, enum settings_use use, struct daemon_settings *settings,
                           struct document_faults *faults);

#endif
