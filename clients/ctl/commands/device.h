/* Shared by the device commands. One thread. */
#ifndef TELLERCAST_CTL_DEVICE_H
#define TELLERCAST_CTL_DEVICE_H

#include "clients/ctl/commands/session.h"

/* Gets the document of the device that the first argument names: a new reference, or NULL after the problem was shown.
 */
json_t *device_get(struct session *session, int *code);

#endif
