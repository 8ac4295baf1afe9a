/* The agent's folders. Private to the runtime*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_FOLDERS_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_FOLDERS_H

#include "clients/agent/runtime_state.h"

/* Makes the data folder and the folder of installed files, takes the lock of the data folder, which one agent alone can
 * have, and removes the file `connected`. */
enum tc_error runtime_open_folders(struct runtime *runtime, struct tc_fault *fault);

/* Returns the path of a file in the data folder; to be freed. */
char *runtime_path(const struct runtime *runtime, const char *name);

/* Writes the path of this program to the file `connected` in the data folder. */
enum tc_error runtime_note_connected(const struct runtime *runtime, struct tc_fault *fault);

#endif
