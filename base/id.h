/* IDs of branches, devices, groups and artifacts: 1 to 64 of A-Z a-z 0-9 _ - (and '.' where a name
 * of a rollout, an artifact or a version allows it). Any thread. */
#ifndef TELLERCAST_BASE_ID_H
#define TELLERCAST_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define TC_ID_MAX 64
#define TC_ID_SIZE (TC_ID_MAX + 1)

/* A branch or device ID: what may stand as one level of a topic. */
bool id_is_valid(const char *text, size_t length);

/* A name of a rollout, group, artifact or version: as an ID, and '.', ':' and '+' inside it. */
bool name_is_valid(const char *text, size_t length);

#endif
