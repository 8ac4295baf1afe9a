/* The table of devices, the status, and connections that are to end. */
#include "base/clock.h"
#include "guard/plugin/broker_log.h"
#include "guard/plugin/plugin_state.h"

enum { STATUS_PERIOD_MS = 10000 };

/* The access check has let only orchestrators come so far, unless the guard only reports. */
int plugin_on_control(int event, void *data, void *context)
{
    (void)event;
    struct plugin *plugin = context;
    const struct mosquitto_evt_control *control = data;
    struct identity identity;
    struct tc_fault fault = {.code = TC_OK};
    char name[PEER_NAME_SIZE];
    plugin_name_of(plugin, control->client, name);
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

/* In report mode it is only logged. */
static void end_session(void *context, const struct unwanted *unwanted)
{
    const struct plugin *plugin = context;
    const char *client_id = unwanted->client_id;
    if (!plugin->options.guard.enforces)
        broker_log_denial("session", unwanted->denial, unwanted->name, client_id, clock_monotonic_ms());
    else if (mosquitto_kick_client_by_clientid(client_id, true) == MOSQ_ERR_SUCCESS)
        broker_log_info("guard.disconnected client=\"%s\" reason=%s", client_id, denial_name(unwanted->denial));
}

int plugin_on_tick(int event, void *data, void *context)
{
    (void)event, (void)data;
    struct plugin *plugin = context;
    int64_t now_ms = clock_monotonic_ms();
    plugin->is_asked_again = false;
    guard_end_expired(plugin->guard, clock_now_ms());
    guard_visit_unwanted(plugin->guard, end_session, plugin);
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

int plugin_on_reload(int event, void *data, void *context)
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
