/* The state of the plugin, and the handlers of the broker's events. Private to the plugin; the broker's one thread. */
#ifndef TELLERCAST_GUARD_PLUGIN_PLUGIN_STATE_H
#define TELLERCAST_GUARD_PLUGIN_PLUGIN_STATE_H

#include "guard/guard.h"
#include "guard/plugin/aliases.h"
#include "guard/plugin/certificate.h"
#include "guard/plugin/options.h"
#include "guard/plugin/table_file.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

struct plugin {
    mosquitto_plugin_id_t *id;
    struct options options;
    struct pki_bundle issuers; /* of the devices' certificates */
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

/* client_name.c */

/* The identity that a user name stands for, which nothing proves. False: it is no valid ID. */
bool plugin_identity_of_user(const struct plugin *plugin, const char *user, struct identity *identity);
/* The name that the guard has for a client: it is the user name, unless the guard only reports. "": none. */
void plugin_name_of(const struct plugin *plugin, const struct mosquitto *client, char name[static PEER_NAME_SIZE]);

/* Handlers of events: `context` is the struct plugin. plugin_connect.c: */
int plugin_on_connect(int event, void *data, void *context);
int plugin_on_disconnect(int event, void *data, void *context);
/* plugin_access.c: */
int plugin_on_access(int event, void *data, void *context);
int plugin_on_message(int event, void *data, void *context);
/* plugin_table.c: */
int plugin_on_control(int event, void *data, void *context);
int plugin_on_tick(int event, void *data, void *context);
int plugin_on_reload(int event, void *data, void *context);

#endif
