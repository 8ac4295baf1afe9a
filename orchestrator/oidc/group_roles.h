/* The roles that groups of an identity provider give. Pure; any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_GROUP_ROLES_H
#define TELLERCAST_ORCHESTRATOR_OIDC_GROUP_ROLES_H

#include <jansson.h>

/* The set of roles that `table`, the setting oidc.groups, gives to whoever is in the groups of a claim: a list of
 * texts, or one text; NULL: in none. */
unsigned group_roles_of(const json_t *table, const json_t *claim);

#endif
