#include "config/broker_hosts.h"

#include "base/address.h"
#include "base/url.h"
#include "config/schema.h"

#include <jansson.h>
#include <string.h>

static const struct schema_key host = {.read = schema_read_text, .least = 1, .most = HOST_SIZE - 1};

const struct schema_key broker_hosts_key = {.read = schema_read_list, .most = HOSTS_MAX, .item = &host};

static enum tc_error add(struct host_list *list, const char *setting, const char *name, struct tc_fault *fault)
{
    if (url_may_have_user(name))
        return tc_fault_set(fault, TC_INVALID, "%s: a user is not allowed; its password is in broker.password_file",
                            setting);
    if (!host_list_add(list, name))
        return tc_fault_set(fault, TC_INVALID, "%s: must be a host name or an address of 1 to %d characters; it is %s",
                            setting, HOST_SIZE - 1, name[0] == '\0' ? "empty" : "longer");
    return TC_OK;
}

static enum tc_error add_all(struct host_list *list, const json_t *names, const char *single, struct tc_fault *fault)
{
    size_t index;
    const json_t *name;
    enum tc_error error = TC_OK;
    if (json_array_size(names) == 0)
        return add(list, "broker.host", single, fault);
    if (strcmp(single, BROKER_HOST_DEFAULT) != 0)
        return tc_fault_set(fault, TC_INVALID, "broker.host: must not be set beside broker.hosts; put it in that list");
    json_array_foreach(names, index, name)
    {
        if (error == TC_OK)
            error = add(list, "broker.hosts", json_string_value(name), fault);
    }
    return error;
}

enum tc_error broker_hosts_read(const char *hosts, const char *single, struct host_list *list, struct tc_fault *fault)
{
    json_t *names = json_loads(hosts, 0, NULL);
    TC_CHECK(json_is_array(names)); /* the reader of the settings wrote it */
    *list = (struct host_list){0};
    enum tc_error error = add_all(list, names, single, fault);
    json_decref(names);
    return error;
}

const char *broker_hosts_find_remote(const struct host_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!address_host_is_loopback(list->names[i]))
            return list->names[i];
    }
    return NULL;
}
