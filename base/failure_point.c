#include "base/failure_point.h"

#ifdef TELLERCAST_FAILURE_POINTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void failure_point(const char *name)
{
    static atomic_long passed;
    const char *wanted = getenv("TELLERCAST_FAILURE_POINT");
    size_t length = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, length) != 0 || wanted[length] != ':')
        return;
    if (atomic_fetch_add(&passed, 1) + 1 == strtol(wanted + length + 1, NULL, 10))
        (void)raise(SIGKILL);
}
#endif
