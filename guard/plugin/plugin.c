/* The plugin of mosquitto (plugin API 5): hands the broker's events to the guard, and its answers back. All on the
 * broker's one thread. */
#include "base/clock.h"
#include "guard/plugin/broker_log.h"
#include "guard/plugin/plugin_state.h"

#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))

enum { PLUGIN_API = 5 };

struct event {
    int event;
    MOSQ_FUNC_generic_callback callback;
};

static const struct event events[] = {
    {MOSQ_EVT_BASIC_AUTH, plugin_on_connect},    {MOSQ_EVT_ACL_CHECK, plugin_on_access},
    {MOSQ_EVT_DISCONNECT, plugin_on_disconnect}, {MOSQ_EVT_MESSAGE, plugin_on_message},
    {MOSQ_EVT_CONTROL, plugin_on_control},       {MOSQ_EVT_TICK, plugin_on_tick},
    {MOSQ_EVT_RELOAD, plugin_on_reload},
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
    pki_bundle_free(&plugin->issuers);
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
