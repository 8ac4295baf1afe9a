/* What endpoints refuse: counted and logged. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_PEOPLE_REFUSALS_H
#define TELLERCAST_ORCHESTRATOR_PEOPLE_REFUSALS_H

#include "orchestrator/access/access.h"

/* Decides on an act, as access_decide, and notes a refusal. `endpoint` is the endpoint: "http", "mqtt" or "socket". */
enum tc_error refusals_decide(const struct subject *subject, enum access_operation operation, const char *endpoint,
                              struct access_scope *scope, struct tc_fault *fault);
/* Notes a refusal that was decided elsewhere: the act goes beyond the scope of the subject's role, or the subject may
 * not do it to this object, for example because it has a part in it. */
void refusals_note(const struct subject *subject, enum access_operation operation, const char *endpoint,
                   const char *reason);
/* Notes that a peer showed no credential, or one that is nobody's. `name`: what it showed, if that is no secret. */
void refusals_note_unknown(const char *endpoint, const char *address, const char *name);

#endif
