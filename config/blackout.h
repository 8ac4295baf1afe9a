/* Blackouts: times in which nothing is started. A plan has its own; tellercastd's settings have named calendars of
 * them. */
#ifndef TELLERCAST_CONFIG_BLACKOUT_H
#define TELLERCAST_CONFIG_BLACKOUT_H

#include "config/schema.h"

/* Maximum number of blackouts in a list. */
#define BLACKOUTS_MAX 400

/* Reads {from, to, reason}: two dates, the last one included, or two times. `to` is not before `from`. */
extern const struct schema_key blackout_item;
/* Reads {month-end: [{from, to, reason}, …], …}. */
extern const struct schema_key calendars_key;

#endif
