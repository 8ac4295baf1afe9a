/* The query of a path. Private to the commands. */
#ifndef TELLERCAST_CTL_QUERY_H
#define TELLERCAST_CTL_QUERY_H

#include "base/buffer.h"

#include <stdbool.h>

struct session;

/* Begins the next parameter of a path, up to its value. */
void query_put_name(struct buffer *path, const char *name);
/* Appends each value of a repeated option as a parameter. Returns whether there is one. */
bool query_put_options(const struct session *session, const char *option, const char *parameter, struct buffer *path);

/* Appends parameter=true when the flag is given. */
void query_put_flag(const struct session *session, const char *option, const char *parameter, struct buffer *path);

#endif
