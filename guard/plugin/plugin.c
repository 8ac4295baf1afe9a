/* The plugin of mosquitto (plugin API 5): hands the broker's events to the guard, and its answers back. All on the
 * broker's one thread. */
#include "base/address.h"
#include "base/clock.h"
#include "guard/guard.h"
#include "guard/plugin/aliases.h"
#include "guard/plugin/broker_log.h"
#include "guard/plugin/certificate.h"
#include "guard/plugin/options.h"
#include "guard/plugin/properties.h"
#include "guard/plugin/table_file.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

enum { STATUS_PERIOD_MS = 10000, PLUGIN_API = 5 };

struct plugin {
    mosquitto_plugin_id_t *id;
    struct options options;
    struct issuers issuers;
    struct guard *guard;
    struct aliases aliases; /* only in report mode */
    struct table_file *table;
    char control[TOPIC_SIZE];
    char status_topic[TOPIC_SIZE];
    int64_t status_ms;        /* when the status was published */
    uint64_t status_changes;  /* that it showed */
    bool is_status_requested; /* an orchestrator waits for it */
    bool is_asked_again;      /* after SIGHUP mosquitto asks about every client that it knows; until the next tick */
};

/* ---- who a client is ------------------------------------------------------------------------- */

static bool is_loopback(const struct mosquitto *client)
{
    const char *address = mosquitto_client_address(client);
    return address != NULL && address_host_is_loopback(address);
}

/* The identity that a user name stands for, which nothing proves. */
static bool identity_of_user(const struct plugin *plugin, const char *user, struct identity *identity)
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

/* The name that the guard has for a client: it is the user name, unless the guard only reports. "": none. */
static void name_of(const struct plugin *plugin, const struct mosquitto *client, char name[static PEER_NAME_SIZE])
{
    struct identity identity;
    const char *alias = aliases_find(&plugin->aliases, client);
    const char *user = alias != NULL ? alias : mosquitto_client_username(client);
    name[0] = '\0';
    if (user == NULL)
        return;
    if (alias == NULL && !plugin->options.guard.enforces && identity_of_user(plugin, user, &identity))
        peer_name(&identity, name);
    else if (strlen(user) < PEER_NAME_SIZE)
        memcpy(name, user, strlen(user) + 1);
}

/* ---- connecting ------------------------------------------------------------------------------- */

static enum denial identify(const struct plugin *plugin, const struct mosquitto *client, X509 *certificate,
                            struct certificate_facts *facts)
{
    *facts = (struct certificate_facts){0};
    if (certificate != NULL)
        return certificate_read(certificate, &plugin->issuers, facts);
    bool is_taken = plugin->options.guard.is_insecure && is_loopback(client);
    if (!is_taken && plugin->options.guard.enforces)
        return DENIAL_NO_CERTIFICATE;
    if (!identity_of_user(plugin, mosquitto_client_username(client), &facts->identity))
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
    return !is_device(facts) && identity_of_user(plugin, mosquitto_client_username(client), &said) &&
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

static void refuse_connect(struct plugin *plugin, const struct mosquitto *client, enum denial denial, const char *name)
{
    guard_refuse(plugin->guard, denial);
    broker_log_denial("connect", denial, name, mosquitto_client_id(client), clock_monotonic_ms());
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
        refuse_connect(plugin, client, denial, name);
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

static int on_connect(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    struct mosquitto *client = ((struct mosquitto_evt_basic_auth *)data)->client;
    int64_t now_ms = clock_monotonic_ms();
    char name[PEER_NAME_SIZE] = "";
    struct certificate_facts facts;
    X509 *certificate = mosquitto_client_certificate(client);
    char known[PEER_NAME_SIZE];
    name_of(plugin, client, known);
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
        refuse_connect(plugin, client, denial, facts.identity.id);
    }
    if (name[0] != '\0' && !rename_client(plugin, client, name, &facts))
        denial = DENIAL_SUBJECT;
    X509_free(certificate);
    return answer_connect(plugin, denial, is_proven);
}

static int on_disconnect(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto *client = ((struct mosquitto_evt_disconnect *)data)->client;
    char name[PEER_NAME_SIZE];
    name_of(plugin, client, name);
    guard_disconnect(plugin->guard, name, client, clock_monotonic_ms());
    aliases_remove(&plugin->aliases, client);
    return MOSQ_ERR_SUCCESS;
}

/* ---- topics ----------------------------------------------------------------------------------- */

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

static int on_access(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto_evt_acl_check *check = data;
    const char *verb = "receive";
    enum denial denial = DENIAL_NONE;
    int64_t now_ms = clock_monotonic_ms();
    char name[PEER_NAME_SIZE];
    name_of(plugin, check->client, name);
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
static int on_message(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto_evt_message *message = data;
    if (!properties_have_length(message->properties))
        return MOSQ_ERR_SUCCESS;
    char name[PEER_NAME_SIZE];
    name_of(plugin, message->client, name);
    int64_t now_ms = clock_monotonic_ms();
    enum denial denial = guard_check_properties(plugin->guard, name, message->client, now_ms);
    if (denial == DENIAL_NONE)
        return MOSQ_ERR_SUCCESS;
    broker_log_denial("publish", denial, name, message->topic, now_ms);
    return plugin->options.guard.enforces ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_SUCCESS;
}

/* ---- the table of devices, and the status ------------------------------------------------------- */

/* The access check has let only orchestrators come so far, unless the guard only reports. */
static int on_control(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto_evt_control *control = data;
    struct identity identity;
    struct tc_fault fault = {.code = TC_OK};
    char name[PEER_NAME_SIZE];
    name_of(plugin, control->client, name);
    plugin->is_status_requested = true;
    if (!peer_name_parse(name, &identity) || identity.kind != IDENTITY_ORCHESTRATOR)
        return MOSQ_ERR_SUCCESS;
    if (guard_take_directory(plugin->guard, control->payload, control->payloadlen, &fault) != TC_OK)
        broker_log_warning("guard.table_refused identity=%s reason=\"%s\"", name, fault.text);
    return MOSQ_ERR_SUCCESS; /* an error would end the connection */
}

static void publish_status(struct plugin *plugin, int64_t now_ms)
{
    struct buffer status = {0};
    guard_write_status(plugin->guard, now_ms, clock_now_ms(), &status);
    int rc = mosquitto_broker_publish_copy(NULL, plugin->status_topic, (int)status.length, status.bytes, 1, true, NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        broker_log_warning("guard.status_not_published error=%d", rc);
    buffer_free(&status);
    plugin->status_ms = now_ms;
    plugin->status_changes = guard_status_changes(plugin->guard);
    plugin->is_status_requested = false;
}

static void kick(void *context, const char *client_id)
{
    (void)context;
    if (mosquitto_kick_client_by_clientid(client_id, true) == MOSQ_ERR_SUCCESS)
        broker_log_info("guard.disconnected client=\"%s\"", client_id);
}

static int on_tick(int event, void *data, void *context)
{
    (void)event, (void)data;
    struct plugin *plugin = context;
    int64_t now_ms = clock_monotonic_ms();
    plugin->is_asked_again = false;
    guard_visit_unwanted(plugin->guard, kick, NULL);
    if (plugin->table != NULL)
        table_file_step(plugin->table, plugin->guard, now_ms);
    bool is_due =
        now_ms - plugin->status_ms >= STATUS_PERIOD_MS && plugin->status_changes != guard_status_changes(plugin->guard);
    if (plugin->is_status_requested || is_due) {
        publish_status(plugin, now_ms);
        broker_log_left_out(now_ms, false);
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_reload(int event, void *data, void *context)
{
    (void)event, (void)data;
    struct plugin *plugin = context;
    struct tc_fault fault;
    const char *path = plugin->options.device_issuer_file;
    plugin->is_asked_again = true;
    if (path != NULL && issuers_read(path, &plugin->issuers, &fault) != TC_OK)
        broker_log_warning("guard.issuers_not_reloaded reason=\"%s\"", fault.text);
    return MOSQ_ERR_SUCCESS;
}

/* ---- opening and closing ------------------------------------------------------------------------ */

struct event {
    int event;
    MOSQ_FUNC_generic_callback callback;
};

static const struct event events[] = {
    {MOSQ_EVT_BASIC_AUTH, on_connect}, {MOSQ_EVT_ACL_CHECK, on_access}, {MOSQ_EVT_DISCONNECT, on_disconnect},
    {MOSQ_EVT_MESSAGE, on_message},    {MOSQ_EVT_CONTROL, on_control},  {MOSQ_EVT_TICK, on_tick},
    {MOSQ_EVT_RELOAD, on_reload},
};

/* The topic of MOSQ_EVT_CONTROL; the other events have no data. */
static const void *data_of(const struct plugin *plugin, const struct event *event)
{
    return event->event == MOSQ_EVT_CONTROL ? plugin->control : NULL;
}

static bool register_events(struct plugin *plugin)
{
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        int rc = mosquitto_callback_register(plugin->id, events[i].event, events[i].callback,
                                             data_of(plugin, &events[i]), plugin);
        if (rc != MOSQ_ERR_SUCCESS) {
            mosquitto_log_printf(MOSQ_LOG_ERR, "guard.not_started reason=\"event %d: error %d\"", events[i].event, rc);
            return false;
        }
    }
    return true;
}

static enum tc_error read_options(struct plugin *plugin, const struct mosquitto_opt *given, int count,
                                  struct tc_fault *fault)
{
    struct option_text *texts = calloc((size_t)count + 1, sizeof *texts);
    TC_CHECK(texts != NULL);
    for (int i = 0; i < count; i++)
        texts[i] = (struct option_text){given[i].key, given[i].value};
    enum tc_error error = options_read(texts, (size_t)count, &plugin->options, fault);
    free(texts);
    if (error == TC_OK && plugin->options.device_issuer_file != NULL)
        error = issuers_read(plugin->options.device_issuer_file, &plugin->issuers, fault);
    return error;
}

static void close_plugin(struct plugin *plugin)
{
    table_file_close(plugin->table, plugin->guard);
    guard_close(plugin->guard);
    aliases_free(&plugin->aliases);
    issuers_free(&plugin->issuers);
    free(plugin);
}

EXPORTED int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
    for (int i = 0; i < supported_version_count; i++) {
        if (supported_versions[i] == PLUGIN_API)
            return PLUGIN_API;
    }
    return -1;
}

EXPORTED int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options,
                                   int option_count)
{
    struct plugin *plugin = calloc(1, sizeof *plugin);
    TC_CHECK(plugin != NULL);
    struct tc_fault fault;
    plugin->id = identifier;
    plugin->is_status_requested = true;
    if (read_options(plugin, options, option_count, &fault) != TC_OK) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "guard.not_started reason=\"%s\"", fault.text);
        close_plugin(plugin);
        return MOSQ_ERR_INVAL;
    }
    topic_format(plugin->options.root, &(struct topic){.kind = TOPIC_DIRECTORY}, plugin->control);
    topic_format(plugin->options.root, &(struct topic){.kind = TOPIC_GUARD}, plugin->status_topic);
    plugin->options.guard.opened_ms = clock_monotonic_ms();
    plugin->guard = guard_open(&plugin->options.guard);
    if (plugin->options.state_folder != NULL)
        plugin->table = table_file_open(plugin->options.state_folder, plugin->guard);
    if (!register_events(plugin)) {
        close_plugin(plugin);
        return MOSQ_ERR_UNKNOWN;
    }
    const char *mode = plugin->options.guard.enforces ? "enforce" : "report";
    broker_log_info("guard.started mode=%s version=%s", mode, TELLERCAST_VERSION);
    if (plugin->options.guard.is_insecure)
        broker_log_warning("guard.insecure_loopback: clients of this machine are believed their user names");
    *userdata = plugin;
    return MOSQ_ERR_SUCCESS;
}

EXPORTED int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
    (void)options, (void)option_count;
    struct plugin *plugin = userdata;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        (void)mosquitto_callback_unregister(plugin->id, events[i].event, events[i].callback,
                                            data_of(plugin, &events[i]));
    broker_log_left_out(clock_monotonic_ms(), true);
    close_plugin(plugin);
    return MOSQ_ERR_SUCCESS;
}
