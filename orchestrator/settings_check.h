/* Checks settings beyond the rules of the settings table: the needs of the parts when the daemon starts. */
#ifndef TELLERCAST_ORCHESTRATOR_SETTINGS_CHECK_H
#define TELLERCAST_ORCHESTRATOR_SETTINGS_CHECK_H

#include "config/daemon.h"

/* Adds a fault for each setting that would keep the daemon from starting or from getting ready. Opens nothing. */
void settings_check(const struct daemon_settings *settings, struct document_faults *faults);

/* The same for the files named in the settings, which it reads: passwords, tokens and certificates. */
void settings_check_files(const struct daemon_settings *settings, struct document_faults *faults);

#endif
