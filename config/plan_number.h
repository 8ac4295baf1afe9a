/* Numbers of a plan that is stored, as plan_number() and plan_decimal() read them in the database: what stands there
 * and is no such number, since a later version wrote it, is unknown. Any thread. */
#ifndef TELLERCAST_CONFIG_PLAN_NUMBER_H
#define TELLERCAST_CONFIG_PLAN_NUMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* An integer of at most nine digits, not negative; `absent` when the key is missing, or null. Anything else makes
 * `*known` false, which is left alone otherwise, and gives `absent`. */
int64_t plan_number(const json_t *map, const char *key, int64_t absent, bool *known);
/* The same of any number, not negative and below a thousand millions. */
double plan_decimal(const json_t *map, const char *key, double absent, bool *known);

#endif
