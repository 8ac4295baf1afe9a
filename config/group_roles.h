/* The setting oidc.groups: which roles the groups of an identity provider give. */
#ifndef TELLERCAST_CONFIG_GROUP_ROLES_H
#define TELLERCAST_CONFIG_GROUP_ROLES_H

#include "config/schema.h"

/* Reads {"Cash machines EMEA": [viewer, operator], …}. A group's name is any text. */
extern const struct schema_key group_roles_key;

#endif
