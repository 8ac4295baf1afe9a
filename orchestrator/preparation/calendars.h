/* The named calendars of the settings in force. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_PREPARATION_CALENDARS_H
#define TELLERCAST_ORCHESTRATOR_PREPARATION_CALENDARS_H

#include "config/plan.h"

struct calendars;

/* `json` as the setting `calendars` holds it. */
struct calendars *calendars_open(const char *json);
void calendars_free(struct calendars *calendars); /* NULL is allowed */
/* Replaces the calendars for later plans. */
void calendars_replace(struct calendars *calendars, const char *json);

/* Returns the plan's calendars, {"month-end":[…]}, as canonical JSON that the caller frees. A missing one adds a fault
 * at its place. `calendars` may be NULL: there are none. */
char *calendars_of_plan(struct calendars *calendars, const struct plan *plan, struct document_faults *faults);

#endif
