/* The named calendars of the settings in force. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_CALENDARS_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_CALENDARS_H

#include "config/plan.h"

struct calendars;

/* `json` as the setting `calendars` holds it. */
struct calendars *calendars_open(const char *json);
void calendars_free(struct calendars *calendars); /* NULL is allowed */
/* Plans that are taken from now on see these. */
void calendars_replace(struct calendars *calendars, const char *json);

/* Those that the plan names, {"month-end":[…]}, as canonical JSON that the caller frees. One that is not there adds a
 * fault at its place. NULL for `calendars`: there is none. */
char *calendars_of_plan(struct calendars *calendars, const struct plan *plan, struct document_faults *faults);

#endif
