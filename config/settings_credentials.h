/* Private to the settings: credentials of systemd in place of the names of files. */
#ifndef TELLERCAST_CONFIG_SETTINGS_CREDENTIALS_H
#define TELLERCAST_CONFIG_SETTINGS_CREDENTIALS_H

#include "config/settings.h"

/* Replaces `credential:NAME`, in each setting whose key ends with `_file`, by the path of that credential
 * (LoadCredential= of systemd). A fault for each that is not given to this process. */
void settings_find_credentials(const struct settings_table *table, void *settings, struct document_faults *faults);

#endif
