/* Reads numbers of a stored plan by the same rules as plan_number() and plan_decimal() of the database. A value of
 * another form was written by a later version and counts as unknown. Any thread. */
#ifndef TELLERCAST_CONFIG_PLAN_NUMBER_H
#define TELLERCAST_CONFIG_PLAN_NUMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns an integer from 0 with at most nine digits; `absent` when the key is missing or null. For any other value
 * also returns `absent`, and sets `*known` to false; otherwise does not change `*known`. */
int64_t plan_number(const json_t *map, const char *key, int64_t absent, bool *known);
/* The same for any number from 0 and below 10^9. */
double plan_decimal(const json_t *map, const char *key, double absent, bool *known);

#endif
