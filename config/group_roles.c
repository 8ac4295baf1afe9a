#include "config/group_roles.h"

#include "base/fault.h"

#include <string.h>

enum { GROUPS_MAX = 1000, GROUP_NAME_MAX = 256, ROLES_MAX = 4 };

/* No group makes an admin: what an admin orders waits for a second one, and is dropped when the first stops being one,
 * which no provider tells. Nor does one give the role break_glass, which two admins give. */
static const struct schema_key role = {.read = schema_read_choice, .allowed = "viewer|operator|approver|auditor"};
static const struct schema_key roles = {.read = schema_read_list, .least = 1, .most = ROLES_MAX, .item = &role};

static json_t *read_groups(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node)
{
    if (node->kind != TREE_MAP)
        return schema_fault_value(reading, node, "a map of groups");
    if ((int64_t)node->count > key->most) {
        schema_fault(reading, node, "found %zu keys, allowed: at most %lld", node->count, (long long)key->most);
        return NULL;
    }
    json_t *map = json_object();
    TC_CHECK(map != NULL);
    for (const struct tree_node *member = node->first; member != NULL; member = member->next) {
        size_t above = key_path_add_key(&reading->path, member->key), length = strlen(member->key);
        if (length == 0 || length > GROUP_NAME_MAX)
            document_fault_add(reading->faults, member->key_line, member->key_column, reading->path.text,
                               "the key must be the name of a group, of 1 to %d bytes", GROUP_NAME_MAX);
        json_t *value = roles.read(reading, &roles, member);
        if (value != NULL)
            TC_CHECK(json_object_set_new(map, member->key, value) == 0);
        key_path_cut(&reading->path, above);
    }
    return map;
}

const struct schema_key group_roles_key = {.read = read_groups, .most = GROUPS_MAX};
