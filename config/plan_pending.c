/* The keys of the language that this version does not act on yet. They are read and checked like all
 * others; a plan that uses one is refused, because to ignore it would be a lie. */
#include "config/key_path.h"
#include "config/plan_language.h"
#include "config/scalar.h"

#include <string.h>

struct pending_key {
    const char *path;                              /* "[]": each member of a list */
    bool (*applies)(const struct tree_node *node); /* NULL: always */
};

static bool is_percentage(const struct tree_node *node)
{
    return node->kind == TREE_TEXT && strchr(node->text, '%') != NULL;
}

static bool is_cancel(const struct tree_node *node)
{
    return node->kind == TREE_TEXT && strcmp(node->text, "cancel") == 0;
}

static bool is_over_zero(const struct tree_node *node)
{
    int64_t value;
    return node->kind == TREE_TEXT && scalar_read_integer(node->text, &value) && value > 0;
}

static const struct pending_key pending_keys[] = {
    {"spec.priority", NULL},
    {"spec.preempt", NULL},
    {"spec.supersedes", NULL},
    {"spec.schedule.calendars", NULL},
    {"spec.schedule.endBehavior", is_cancel},
    {"spec.rate.growth", NULL},
    {"spec.rate.growAfter", NULL},
    {"spec.rate.maximumPerMinute", NULL},
    {"spec.disruptionBudget.maxUnavailable", is_percentage},
    {"spec.disruptionBudget.singleDevice", NULL},
    {"spec.groups[].soak", NULL},
    {"spec.groups[].approval", NULL},
    {"spec.abort", NULL},
    {"spec.rollback", NULL},
    {"spec.approvals.required", is_over_zero},
};

struct search {
    const struct pending_key *key;
    struct key_path path;
    struct document_faults *faults;
};

static void fault_pending(const struct search *search, const struct tree_node *node)
{
    bool always = search->key->applies == NULL;
    if (!always && !search->key->applies(node))
        return;
    char found[TREE_DESCRIPTION_SIZE];
    tree_describe(node, found);
    if (always)
        document_fault_add(search->faults, node->key_line, node->key_column, search->path.text,
                           "not acted on by this version; remove it");
    else
        document_fault_add(search->faults, node->line, node->column, search->path.text,
                           "%s is not acted on by this version; remove it", found);
}

/* Looks for what is left of the key's path, from `node` down. */
static void search_below(struct search *search, const struct tree_node *node, const char *rest)
{
    if (*rest == '\0') {
        fault_pending(search, node);
        return;
    }
    size_t above = search->path.length, index = 0;
    if (strncmp(rest, "[]", 2) == 0) {
        const char *below = rest[2] == '.' ? rest + 3 : rest + 2;
        for (const struct tree_node *member = node->first; member != NULL; member = member->next) {
            (void)key_path_add_index(&search->path, index++);
            if (node->kind == TREE_LIST)
                search_below(search, member, below);
            key_path_cut(&search->path, above);
        }
        return;
    }
    size_t length = strcspn(rest, ".[");
    for (const struct tree_node *member = node->first; member != NULL; member = member->next) {
        if (member->key == NULL || strlen(member->key) != length || strncmp(member->key, rest, length) != 0)
            continue;
        (void)key_path_add_key(&search->path, member->key);
        search_below(search, member, rest[length] == '.' ? rest + length + 1 : rest + length);
        key_path_cut(&search->path, above);
    }
}

void plan_check_pending(const struct plan *plan, struct document_faults *faults)
{
    for (size_t i = 0; i < sizeof pending_keys / sizeof *pending_keys; i++) {
        struct search search = {.key = &pending_keys[i], .faults = faults};
        search_below(&search, plan->source->root, pending_keys[i].path);
    }
}
