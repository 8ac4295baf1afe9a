/* Blackouts, in which nothing is started: a plan's own, and those of the named calendars in tellercastd's settings. */
#ifndef TELLERCAST_CONFIG_BLACKOUT_H
#define TELLERCAST_CONFIG_BLACKOUT_H

#include "config/schema.h"

/* The most of a list. */
#define BLACKOUTS_MAX 400

/* Reads {from, to, reason}: dates, of which the last is included, or times; `to` not before `from`. */
extern const struct schema_key blackout_item;
/* Reads {month-end: [{from, to, reason}, …], …}. */
extern const struct schema_key calendars_key;

#endif
