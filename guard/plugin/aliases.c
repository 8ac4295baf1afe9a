#include "guard/plugin/aliases.h"

#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>

static struct alias *find(const struct aliases *aliases, const void *client)
{
    for (size_t i = 0; i < aliases->count; i++) {
        if (aliases->items[i].client == client)
            return &aliases->items[i];
    }
    return NULL;
}

void aliases_put(struct aliases *aliases, const void *client, const char *name)
{
    struct alias *alias = find(aliases, client);
    if (alias == NULL) {
        struct alias *grown = realloc(aliases->items, (aliases->count + 1) * sizeof *grown);
        TC_CHECK(grown != NULL);
        aliases->items = grown;
        alias = &grown[aliases->count++];
    }
    alias->client = client;
    (void)snprintf(alias->name, sizeof alias->name, "%s", name);
}

const char *aliases_find(const struct aliases *aliases, const void *client)
{
    const struct alias *alias = find(aliases, client);
    return alias == NULL ? NULL : alias->name;
}

void aliases_remove(struct aliases *aliases, const void *client)
{
    struct alias *alias = find(aliases, client);
    if (alias != NULL)
        *alias = aliases->items[--aliases->count];
}

void aliases_free(struct aliases *aliases)
{
    free(aliases->items);
    *aliases = (struct aliases){0};
}
