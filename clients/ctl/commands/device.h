/* Shared by the device commands. One thread. */
#ifndef TELLERCAST_CTL_DEVICE_H
#define TELLERCAST_CTL_DEVICE_H

#include "clients/ctl/commands/session.h"

/* Gets the document of the device that the first argument names: a new reference, or NULL after the problem was shown.
 */
json_t *device_get(struct session *session, int *code);

/* Sends an order about that device with the option --reason: "retire". Returns as session_order. */
json_t *device_order(struct session *session, const char *operation, int *code);

/* Appends the content of a log as a terminal may get it. */
void device_put_log(const struct session *session, const char *content, struct buffer *out);

#endif
