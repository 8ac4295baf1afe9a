/* Places where the fault tests can kill a program, to simulate a power failure.
 *
 * Only compiled with TELLERCAST_FAILURE_POINTS. The environment variable TELLERCAST_FAILURE_POINT names one and the
 * pass at which it kills: "claim.committed:3". Any thread. */
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
