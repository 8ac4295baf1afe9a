/* The setting `policy` of tellercastd: what the site asks of every rollout, whatever its plan says. */
#ifndef TELLERCAST_CONFIG_POLICY_H
#define TELLERCAST_CONFIG_POLICY_H

#include "config/schema.h"

/* Reads {approvals: [{action, devices, count}, …], preempt: [NAME, …], review_within: 72h}. Each key may be missing,
 * and then asks for nothing; the duration stays a text, which PostgreSQL reads as an interval. */
extern const struct schema_key policy_key;

#endif
