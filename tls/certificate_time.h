/* The time against which OpenSSL checks the dates of certificates, in every verification of this process, whichever
 * library makes the connection.
 *
 * A program whose own clock can be wrong by years calls certificate_time_take_over once. From then on the dates are not
 * checked until certificate_time_set says what time it is; everything else is checked as always: the chain, the
 * signatures, the purpose, the name. A program that does not call it checks dates by its own clock, as OpenSSL does. */
#ifndef TELLERCAST_TLS_CERTIFICATE_TIME_H
#define TELLERCAST_TLS_CERTIFICATE_TIME_H

#include "base/fault.h"

#include <stdint.h>

/* Call it before the first connection; further calls do nothing. TC_INTERNAL: OpenSSL refuses. Any thread. */
enum tc_error certificate_time_take_over(struct tc_fault *fault);

/* It is `now_ms` now: a clock that only goes forward counts on from here. Any thread. */
void certificate_time_set(int64_t now_ms);
/* The time is not known: dates are not checked. Any thread. */
void certificate_time_forget(void);

#endif
