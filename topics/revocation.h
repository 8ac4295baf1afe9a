/* The rule of revocation, for the broker's guard and for the orchestrators' endpoints alike. Any thread.
 *
 * A certificate of a device is revoked when its serial number is, or when its validity begins no later than the second
 * of the device's last revocation. The second part is for certificates whose serial numbers no orchestrator knows: by
 * `tellercast pki issue`, by a bank's authority, by a thief of the authority, or lost by a restore of the database. The
 * daemon lets no certificate that it issues begin before the device's last revocation, so its own are good at once. */
#ifndef TELLERCAST_TOPICS_REVOCATION_H
#define TELLERCAST_TOPICS_REVOCATION_H

#include <stdbool.h>
#include <stdint.h>

/* The second part of the rule; in seconds since the epoch. `revoked_s`: of the device; 0: it was never revoked. */
bool revocation_covers(int64_t revoked_s, int64_t not_before_s);

/* The first second at which a certificate may begin that the revocation does not cover. */
int64_t revocation_next_s(int64_t revoked_s);

#endif
