/* A plan in words, for approvers: its action, its groups in order, and its times. One thread. */
#ifndef TELLERCAST_CTL_PLAN_WORDS_H
#define TELLERCAST_CTL_PLAN_WORDS_H

#include "clients/ctl/screen/screen.h"

#include <jansson.h>

/* Appends the facts action, groups and windows of a canonical plan: one line per group, and one per property of the
 * windows. */
void plan_put_words(const struct screen *screen, const json_t *plan, struct buffer *out);

#endif
