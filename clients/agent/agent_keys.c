#include "clients/agent/agent_keys.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { REFRESH_MS = 10000 };

/* The next ask tells the orchestrators which keys this device has now. */
static void report_keys(struct agent *agent)
{
    agent->ask.is_due = true;
}

/* The privileged half checks signatures itself. It learns first: while it has not, this half does not either, and names
 * the keys that both trust. The orchestrators then send the set again. */
static bool privileged_half_learns(struct agent *agent, const void *token, size_t length)
{
    struct buffer text = {0};
    if (agent->effects.give_keys == NULL)
        return true;
    buffer_put(&text, token, length);
    bool learns = agent->effects.give_keys(agent->effects.context, buffer_text(&text));
    buffer_free(&text);
    return learns;
}

bool agent_handle_key_set(struct agent *agent, const void *token, size_t length)
{
    struct tc_fault fault;
    bool changed;
    if (agent->config.keyring == NULL || !key_set_is_meant(token, length))
        return false;
    if (keyring_check(agent->config.keyring, token, length, &changed, &fault) == TC_OK &&
        (!changed || !privileged_half_learns(agent, token, length)))
        return true;
    if (keyring_learn(agent->config.keyring, token, length, &changed, &fault) != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "keys.refused", F_STR("reason", fault.text));
    } else if (changed) {
        LOG_INFO("keys.learned", F_INT("trusted", trusted_keys_count(keyring_trusted(agent->config.keyring))));
        report_keys(agent);
    }
    return true;
}

void agent_refresh_keys(struct agent *agent, int64_t now_ms)
{
    if (agent->config.keyring == NULL || now_ms < agent->keys_next_ms)
        return;
    agent->keys_next_ms = now_ms + REFRESH_MS;
    if (keyring_refresh(agent->config.keyring))
        report_keys(agent);
}

void agent_name_keys(const struct agent *agent, struct ask *message)
{
    const struct trusted_keys *keys = agent->config.keys;
    struct public_key_text key;
    if (agent->config.keyring == NULL || trusted_keys_count(keys) == 0)
        return;
    message->keys = calloc(trusted_keys_count(keys), sizeof *message->keys);
    TC_CHECK(message->keys != NULL);
    for (size_t i = 0; i < trusted_keys_count(keys); i++) {
        trusted_keys_at(keys, i, &key);
        memcpy(message->keys[message->key_count++], key.id, sizeof key.id);
    }
}
