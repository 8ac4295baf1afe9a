/* The settings broker.host and broker.hosts: one host or several, tried in turn. */
#ifndef TELLERCAST_CONFIG_BROKER_HOSTS_H
#define TELLERCAST_CONFIG_BROKER_HOSTS_H

#include "base/fault.h"
#include "base/host_list.h"

struct schema_key;

/* Both settings say the same: use broker_hosts_read. */
#define BROKER_HOST_DEFAULT "127.0.0.1"

/* Of the setting broker.hosts: a list, empty when broker.host is to count. */
extern const struct schema_key broker_hosts_key;

/* Sets `list` to `hosts`, a JSON array of names; when that is empty, to `single`, the setting broker.host. TC_INVALID,
 * naming the setting: there is no host, both are set, or one has a user, which is not quoted, since it may have a
 * password. */
enum tc_error broker_hosts_read(const char *hosts, const char *single, struct host_list *list, struct tc_fault *fault);

/* Returns the first host that is not on loopback; NULL: all are. */
const char *broker_hosts_find_remote(const struct host_list *list);

#endif
