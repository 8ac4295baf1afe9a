/* Places where a program can be made to die as a power failure would make it, for the fault tests.
 *
 * They are there only when it is compiled with TELLERCAST_FAILURE_POINTS. The environment variable
 * TELLERCAST_FAILURE_POINT names one, and at which passing it kills: "claim.committed:3". Any thread. */
#ifndef TELLERCAST_BASE_FAILURE_POINT_H
#define TELLERCAST_BASE_FAILURE_POINT_H

#ifdef TELLERCAST_FAILURE_POINTS
void failure_point(const char *name);
#else
static inline void failure_point(const char *name)
{
    (void)name;
}
#endif

#endif
