/* Clients that connect, and connections that end. */
#include "base/address.h"
#include "base/clock.h"
#include "guard/plugin/broker_log.h"
#include "guard/plugin/plugin_state.h"

enum { MS_PER_SECOND = 1000 };

static bool is_loopback(const struct mosquitto *client)
{
    const char *address = mosquitto_client_address(client);
    return address != NULL && address_host_is_loopback(address);
}

static enum denial identify(const struct plugin *plugin, const struct mosquitto *client, X509 *certificate,
                            struct certificate_facts *facts)
{
    *facts = (struct certificate_facts){0};
    if (certificate != NULL)
        return certificate_read(certificate, &plugin->issuers, facts);
    bool is_taken = plugin->options.guard.is_insecure && is_loopback(client);
    if (!is_taken && plugin->options.guard.enforces)
        return DENIAL_NO_CERTIFICATE;
    if (!plugin_identity_of_user(plugin, mosquitto_client_username(client), &facts->identity))
        return DENIAL_NO_CERTIFICATE;
    bool is_stranger =
        facts->identity.kind == IDENTITY_DEVICE && !guard_knows_device(plugin->guard, facts->identity.id);
    return is_stranger && plugin->options.guard.enforces ? DENIAL_UNKNOWN_DEVICE : DENIAL_NONE;
}

static bool is_device(const struct certificate_facts *facts)
{
    return facts->identity.kind == IDENTITY_DEVICE;
}

static enum denial connect_client(struct plugin *plugin, const struct mosquitto *client, const char *name,
                                  const struct certificate_facts *facts, int64_t now_ms)
{
    const struct guard_client guarded = {
        .identity = facts->identity,
        .client = client,
        .client_id = mosquitto_client_id(client),
        .serial = facts->serial,
        .not_before_s = facts->not_before_s,
        .not_after_s = facts->not_after_s,
        .connects_s = clock_now_ms() / MS_PER_SECOND,
        .is_bound = is_device(facts) || facts->serial[0] != '\0',
    };
    enum denial denial = guard_connect(plugin->guard, &guarded, now_ms);
    if (denial != DENIAL_NONE)
        broker_log_denial("connect", denial, name, guarded.client_id, now_ms);
    return denial;
}

/* In report mode orchestrators and operators keep the user name that they say, if it is one of their kind: the broker's
 * files know it. */
static bool keeps_user(const struct plugin *plugin, const struct mosquitto *client,
                       const struct certificate_facts *facts)
{
    struct identity said;
    return !is_device(facts) && plugin_identity_of_user(plugin, mosquitto_client_username(client), &said) &&
           said.kind == facts->identity.kind;
}

static bool rename_client(struct plugin *plugin, struct mosquitto *client, const char *name,
                          const struct certificate_facts *facts)
{
    if (plugin->options.guard.enforces || !keeps_user(plugin, client, facts))
        return mosquitto_set_username(client, name) == MOSQ_ERR_SUCCESS;
    aliases_put(&plugin->aliases, client, name);
    return true;
}

/* In report mode a certificate that names somebody is proof enough, and the broker's password file decides about the
 * others. */
static int answer_connect(const struct plugin *plugin, enum denial denial, bool is_proven)
{
    if (plugin->options.guard.enforces)
        return denial == DENIAL_NONE ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
    return is_proven || !plugin->options.has_password_file ? MOSQ_ERR_SUCCESS : MOSQ_ERR_PLUGIN_DEFER;
}

static void refuse_connect(struct plugin *plugin, const struct mosquitto *client, const X509 *certificate,
                           enum denial denial, const char *name)
{
    char subject[CERTIFICATE_SUBJECT_SIZE];
    const char *shown = mosquitto_client_id(client);
    if (denial == DENIAL_SUBJECT && certificate != NULL) {
        certificate_subject(certificate, subject);
        shown = subject;
    }
    guard_refuse(plugin->guard, denial);
    broker_log_denial("connect", denial, name, shown, clock_monotonic_ms());
}

/* About a client that was let in before. One that is away shows no certificate any more; to refuse it makes
 * mosquitto 2.0.11 end its session twice, and use freed memory. It is asked for a certificate when it comes back. */
static int answer_again(struct plugin *plugin, const struct mosquitto *client, X509 *certificate, const char *name)
{
    if (certificate == NULL && !guard_is_connected(plugin->guard, name, client))
        return MOSQ_ERR_SUCCESS;
    struct certificate_facts facts;
    enum denial denial = identify(plugin, client, certificate, &facts);
    if (denial != DENIAL_NONE)
        refuse_connect(plugin, client, certificate, denial, name);
    return answer_connect(plugin, denial, certificate != NULL && denial == DENIAL_NONE);
}

/* Whether the client was let in before. Between SIGHUP and the next tick mosquitto 2.0.11 reads from no client
 * (src/loop.c), except by websockets. */
static bool is_known(const struct plugin *plugin, const struct mosquitto *client, const X509 *certificate,
                     const char *name)
{
    if (!plugin->is_asked_again || mosquitto_client_protocol(client) == mp_websockets)
        return false;
    return certificate == NULL || guard_is_connected(plugin->guard, name, client);
}

int plugin_on_connect(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    struct mosquitto *client = ((struct mosquitto_evt_basic_auth *)data)->client;
    int64_t now_ms = clock_monotonic_ms();
    char name[PEER_NAME_SIZE] = "";
    struct certificate_facts facts;
    X509 *certificate = mosquitto_client_certificate(client);
    char known[PEER_NAME_SIZE];
    plugin_name_of(plugin, client, known);
    if (is_known(plugin, client, certificate, known)) {
        int answer = answer_again(plugin, client, certificate, known);
        X509_free(certificate);
        return answer;
    }
    enum denial denial = identify(plugin, client, certificate, &facts);
    bool is_proven = certificate != NULL && denial == DENIAL_NONE;
    if (denial == DENIAL_NONE) {
        peer_name(&facts.identity, name);
        denial = connect_client(plugin, client, name, &facts, now_ms);
        if (!is_proven)
            broker_log_bare(name, mosquitto_client_id(client), now_ms);
    } else {
        refuse_connect(plugin, client, certificate, denial, facts.identity.id);
    }
    if (name[0] != '\0' && !rename_client(plugin, client, name, &facts))
        denial = DENIAL_SUBJECT;
    X509_free(certificate);
    return answer_connect(plugin, denial, is_proven);
}

int plugin_on_disconnect(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto *client = ((struct mosquitto_evt_disconnect *)data)->client;
    char name[PEER_NAME_SIZE];
    plugin_name_of(plugin, client, name);
    guard_disconnect(plugin->guard, name, client, clock_monotonic_ms());
    aliases_remove(&plugin->aliases, client);
    return MOSQ_ERR_SUCCESS;
}
