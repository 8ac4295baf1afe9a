/* What clients publish, subscribe to and receive. */
#include "base/clock.h"
#include "guard/plugin/broker_log.h"
#include "guard/plugin/plugin_state.h"
#include "guard/plugin/properties.h"

#include <string.h>

static enum denial publish(struct plugin *plugin, const char *name, const struct mosquitto_evt_acl_check *check,
                           int64_t now_ms)
{
    const struct publication publication = {
        .topic = check->topic, .payload_bytes = check->payloadlen, .retained = check->retain};
    /* The broker asks whether the source of a retained message may still publish it; that client has no address. */
    if (mosquitto_client_address(check->client) == NULL)
        return guard_give_retained(plugin->guard, name, check->topic);
    return guard_publish(plugin->guard, name, check->client, &publication, now_ms);
}

/* Whether a certificate has proven who does it. A retained message is of nobody who is connected; the user names of
 * orchestrators that have a colon are the guard's. */
static bool is_proven(const struct plugin *plugin, const char *name, const struct mosquitto *client)
{
    const char *user = mosquitto_client_username(client);
    return guard_has_certificate(plugin->guard, name, client) ||
           (mosquitto_client_address(client) == NULL && user != NULL && strchr(user, ':') != NULL);
}

/* In report mode the broker's access list may be older than what orchestrators do: it decides about whoever has no
 * certificate, and about what the guard would refuse. */
static int answer_check(const struct plugin *plugin, enum denial denial, int access, bool is_proven)
{
    if (!plugin->options.guard.enforces)
        return plugin->options.has_acl_file && (denial != DENIAL_NONE || !is_proven) ? MOSQ_ERR_PLUGIN_DEFER
                                                                                     : MOSQ_ERR_SUCCESS;
    /* Any other error than a denial ends the connection. */
    if (denial == DENIAL_SUSPENDED && access != MOSQ_ACL_READ)
        return MOSQ_ERR_ADMINISTRATIVE_ACTION;
    return denial == DENIAL_NONE ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

int plugin_on_access(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto_evt_acl_check *check = data;
    const char *verb = "receive";
    enum denial denial = DENIAL_NONE;
    int64_t now_ms = clock_monotonic_ms();
    char name[PEER_NAME_SIZE];
    plugin_name_of(plugin, check->client, name);
    if (check->access == MOSQ_ACL_READ) {
        denial = guard_receive(plugin->guard, name, check->client, mosquitto_client_id(check->client), check->topic,
                               check->payloadlen, check->qos > 0);
    } else if (check->access == MOSQ_ACL_WRITE) {
        verb = "publish";
        denial = publish(plugin, name, check, now_ms);
    } else if (check->access == MOSQ_ACL_SUBSCRIBE) {
        verb = "subscribe";
        denial = guard_subscribe(plugin->guard, name, check->client, check->topic, now_ms);
    }
    if (denial != DENIAL_NONE)
        broker_log_denial(verb, denial, name, check->topic, now_ms);
    return answer_check(plugin, denial, check->access, is_proven(plugin, name, check->client));
}

/* The access check does not show the properties. */
int plugin_on_message(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto_evt_message *message = data;
    if (!properties_have_length(message->properties))
        return MOSQ_ERR_SUCCESS;
    char name[PEER_NAME_SIZE];
    plugin_name_of(plugin, message->client, name);
    int64_t now_ms = clock_monotonic_ms();
    enum denial denial = guard_check_properties(plugin->guard, name, message->client, now_ms);
    if (denial == DENIAL_NONE)
        return MOSQ_ERR_SUCCESS;
    broker_log_denial("publish", denial, name, message->topic, now_ms);
    return plugin->options.guard.enforces ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_SUCCESS;
}
