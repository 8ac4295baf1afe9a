#include "orchestrator/oidc/group_roles.h"

#include "orchestrator/access/access.h"

static unsigned roles_of_group(const json_t *table, const json_t *group)
{
    const json_t *names = json_is_string(group) ? json_object_get(table, json_string_value(group)) : NULL, *name;
    unsigned roles = 0;
    size_t i;
    json_array_foreach(names, i, name)
    {
        roles |= person_roles_parse(json_string_value(name));
    }
    return roles & ~(ROLE_BIT(PERSON_ADMIN) | ROLE_BIT(PERSON_BREAK_GLASS));
}

unsigned group_roles_of(const json_t *table, const json_t *claim)
{
    const json_t *group;
    unsigned roles = 0;
    size_t i;
    if (json_is_string(claim))
        return roles_of_group(table, claim);
    json_array_foreach(claim, i, group)
    {
        roles |= roles_of_group(table, group);
    }
    return roles;
}
