/* The setting `policy` of tellercastd: what the site asks of every rollout, whatever its plan says. */
#ifndef TELLERCAST_CONFIG_POLICY_H
#define TELLERCAST_CONFIG_POLICY_H

#include "config/schema.h"

/* Reads {approvals: [{action, devices, count}, …], preempt: [NAME, …], review_within: 72h, lift_freeze: [NAME, …],
 * lift_freeze_by_two: true}. Each key may be missing:
 * the time is then 72 hours, and the others ask for nothing. The duration stays a text, which PostgreSQL reads as an
 * interval. Policies that ask for the same give the same JSON: rules and names are sorted, and what adds nothing is
 * left out. */
extern const struct schema_key policy_key;

#endif
