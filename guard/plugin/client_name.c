#include "guard/plugin/plugin_state.h"

#include <string.h>

bool plugin_identity_of_user(const struct plugin *plugin, const char *user, struct identity *identity)
{
    *identity = (struct identity){.kind = IDENTITY_DEVICE};
    if (user == NULL || !id_is_valid(user, strlen(user)))
        return false;
    memcpy(identity->id, user, strlen(user));
    if (strcmp(user, plugin->options.orchestrator_user) == 0)
        identity->kind = IDENTITY_ORCHESTRATOR;
    else if (options_has_operator(&plugin->options, user))
        identity->kind = IDENTITY_OPERATOR;
    return true;
}

void plugin_name_of(const struct plugin *plugin, const struct mosquitto *client, char name[static PEER_NAME_SIZE])
{
    struct identity identity;
    const char *alias = aliases_find(&plugin->aliases, client);
    const char *user = alias != NULL ? alias : mosquitto_client_username(client);
    name[0] = '\0';
    if (user == NULL)
        return;
    if (alias == NULL && !plugin->options.guard.enforces && plugin_identity_of_user(plugin, user, &identity))
        peer_name(&identity, name);
    else if (strlen(user) < PEER_NAME_SIZE)
        memcpy(name, user, strlen(user) + 1);
}
