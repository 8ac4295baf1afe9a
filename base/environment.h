/* The environment variables that make a library connect or trust differently from the settings: proxies of libcurl and
 * paho, defaults of libpq, authorities of OpenSSL, names of the resolver. */
#ifndef TELLERCAST_BASE_ENVIRONMENT_H
#define TELLERCAST_BASE_ENVIRONMENT_H

#include "base/buffer.h"

/* Removes these variables from the environment of this process, and appends the names of those that were set to
 * `names`, joined by spaces. Call it before other threads start, and before a library reads them. */
void environment_ignore(struct buffer *names);

/* The same, and one warning in the log when there were any. */
void environment_warn_ignored(void);

#endif
