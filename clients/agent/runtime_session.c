#include "clients/agent/runtime_session.h"

#include "clients/agent/agent_view.h"
#include "config/broker_hosts.h"

#include <stdio.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

/* `hold` NULL: no technician holds the device. */
static void make_presence(const struct runtime *runtime, bool online, const struct hold *hold, struct buffer *payload)
{
    struct presence presence = {.online = online, .role = runtime->role};
    (void)snprintf(presence.branch, sizeof presence.branch, "%s",
                   runtime->role == ROLE_NODE ? runtime->settings->device : runtime->settings->branch);
    (void)snprintf(presence.agent, sizeof presence.agent, "%s", TELLERCAST_VERSION);
    if (hold != NULL) {
        presence.held_until_ms = hold->until_ms;
        (void)snprintf(presence.held_reason, sizeof presence.held_reason, "%s", hold->reason);
    }
    presence_encode(&presence, payload);
}

void runtime_report_presence(struct runtime *runtime, bool is_new_connection, struct agent_time now)
{
    struct topic topic = runtime_own_topic(runtime, TOPIC_PRESENCE);
    struct agent_view view;
    struct buffer payload = {0};
    agent_describe(runtime->agent, now, &view);
    make_presence(runtime, true, view.hold, &payload);
    bool has_changed = strcmp(buffer_text(&payload), buffer_text(&runtime->online)) != 0;
    buffer_free(&runtime->online);
    runtime->online = payload;
    /* If the connection is lost again, the next one publishes it. */
    if (is_new_connection || (has_changed && runtime->is_subscribed))
        (void)session_publish(runtime->session, &topic, payload.bytes, payload.length, 1, true);
}

struct topic runtime_own_topic(const struct runtime *runtime, enum topic_kind kind)
{
    struct topic topic = {.kind = kind};
    (void)snprintf(topic.device, sizeof topic.device, "%s", runtime->settings->device);
    (void)snprintf(topic.branch, sizeof topic.branch, "%s", runtime->settings->device);
    return topic;
}

static void add_filter(struct session_config *config, const char *filter, int qos, bool retained)
{
    TC_CHECK(config->filter_count < SESSION_FILTERS_MAX);
    struct session_filter *added = &config->filters[config->filter_count++];
    (void)snprintf(added->filter, sizeof added->filter, "%s", filter);
    added->qos = qos;
    added->retained = retained;
}

static void add_topic(const struct runtime *runtime, struct session_config *config, enum topic_kind kind, int qos)
{
    char name[TOPIC_SIZE];
    struct topic topic = runtime_own_topic(runtime, kind);
    topic_format(runtime->settings->topic_root, &topic, name);
    add_filter(config, name, qos, kind == TOPIC_INSTRUCTION && runtime->role == ROLE_PULL);
}

/* With a broker without wildcards a device receives from the node of its configured branch only. */
static void add_branch_topic(const struct runtime *runtime, char name[static TOPIC_SIZE])
{
    struct topic topic = runtime_own_topic(runtime, TOPIC_DISPATCH);
    if (runtime->settings->branch[0] == '\0')
        return;
    (void)snprintf(topic.branch, sizeof topic.branch, "%s", runtime->settings->branch);
    topic_format(runtime->settings->topic_root, &topic, name);
}

/* A command waits for a device that is away (QoS 1); an answer that is lost is asked for again (QoS 0), but a pull
 * client's instruction can be published unasked. That one is retained: it must not wait in a session as well, where it
 * could not be withdrawn any more. */
static void add_filters(const struct runtime *runtime, struct session_config *config)
{
    add_topic(runtime, config, TOPIC_INSTRUCTION, runtime->role == ROLE_PULL ? 1 : 0);
    add_topic(runtime, config, TOPIC_CONFIRM, 0);
    if (runtime->role == ROLE_NODE)
        add_topic(runtime, config, TOPIC_START, 1);
    if (runtime->role == ROLE_ATM) {
        char filter[TOPIC_SIZE];
        topic_filter_dispatch_to(runtime->settings->topic_root, runtime->settings->device, filter);
        add_filter(config, filter, 1, false);
        add_branch_topic(runtime, config->filters[config->filter_count - 1].without_wildcard);
    }
}

/* agent_settings_check has read them once. */
static struct host_list broker_hosts(const struct agent_settings *settings)
{
    struct host_list hosts;
    struct tc_fault fault;
    TC_CHECK(broker_hosts_read(settings->broker_hosts, settings->broker_host, &hosts, &fault) == TC_OK);
    return hosts;
}

static struct session_listener own_listener(const struct runtime *runtime)
{
    return (struct session_listener){
        .hosts = broker_hosts(runtime->settings),
        .port = (int)runtime->settings->broker_port,
        .ca_file = credentials_ca_path(runtime->broker_credentials),
        .certificate_file = credentials_certificate_path(runtime->broker_credentials),
        .key_file = credentials_key_path(runtime->broker_credentials),
    };
}

static struct session_listener former_listener(const struct runtime *runtime)
{
    const struct agent_settings *settings = runtime->settings;
    struct host_list hosts = {0};
    if (!host_list_add(&hosts, settings->former_broker_host))
        hosts = broker_hosts(settings);
    return (struct session_listener){
        .hosts = hosts,
        .port = (int)settings->former_broker_port,
        .ca_file = settings->former_broker_ca_file,
        .certificate_file = "",
        .key_file = "",
    };
}

enum tc_error runtime_open_session(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    struct topic presence = runtime_own_topic(runtime, TOPIC_PRESENCE);
    topic_format(settings->topic_root, &presence, runtime->will_topic);
    make_presence(runtime, true, NULL, &runtime->online);
    make_presence(runtime, false, NULL, &runtime->offline);
    struct session_config config = {
        .listener = own_listener(runtime),
        .former = former_listener(runtime),
        .client_id = settings->device,
        .password = buffer_text(&runtime->password),
        .is_persistent = runtime->role != ROLE_PULL,
        .keep_alive_s = (int)(settings->broker_keep_alive_ms / MS_PER_SECOND),
        .reconnect_first_ms = settings->broker_reconnect_first_ms,
        .reconnect_longest_ms = settings->broker_reconnect_longest_ms,
        .topic_root = settings->topic_root,
        .will_topic = runtime->will_topic,
        .will_payload = buffer_text(&runtime->offline),
        .inbox = runtime->inbox,
    };
    add_filters(runtime, &config);
    return session_open(&config, &runtime->session, fault);
}
