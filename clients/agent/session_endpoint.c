#include "clients/agent/session_endpoint.h"

#include "hosts/address_pin.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum session_choice session_choose(bool has_former, bool has_certificate, bool has_failed)
{
    if (!has_certificate)
        return has_former ? SESSION_FORMER : SESSION_NOWHERE;
    return has_former && has_failed ? SESSION_FORMER : SESSION_OWN;
}

static void write_uri(struct session_endpoint *endpoint, const char *host)
{
    const struct session_listener *listener = endpoint->listener;
    bool is_ipv6 = strchr(host, ':') != NULL;
    (void)snprintf(endpoint->uri, sizeof endpoint->uri, "%s://%s%s%s:%d", listener->ca_file[0] == '\0' ? "tcp" : "ssl",
                   is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", listener->port);
}

enum tc_error session_endpoint_open(struct session_endpoint *endpoint, const char *client_id, struct tc_fault *fault)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    write_uri(endpoint, endpoint->listener->hosts.names[0]);
    int rc = MQTTAsync_createWithOptions(&endpoint->client, endpoint->uri, client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                         &options);
    return rc == MQTTASYNC_SUCCESS
               ? TC_OK
               : tc_fault_set(fault, TC_INVALID, "broker %s: %s", endpoint->uri, MQTTAsync_strerror(rc));
}

void session_endpoint_close(struct session_endpoint *endpoint)
{
    if (endpoint->client != NULL)
        MQTTAsync_destroy(&endpoint->client);
}

bool session_endpoint_has_address(const struct session_endpoint *endpoint, struct host_address *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    const struct host_list *hosts = &endpoint->listener->hosts;
    bool is_address = hosts->count == 1 && (inet_pton(AF_INET, hosts->names[0], bytes) == 1 ||
                                            inet_pton(AF_INET6, hosts->names[0], bytes) == 1);
    if (is_address)
        (void)snprintf(address->text, sizeof address->text, "%.*s", ADDRESS_TEXT_SIZE - 1, hosts->names[0]);
    return is_address;
}

void session_endpoint_use(struct session_endpoint *endpoint, const struct host_address *address)
{
    const char *host = endpoint->listener->hosts.names[address->host];
    endpoint->address = *address;
    address_pin(host, address->text);
    write_uri(endpoint, host);
}

void session_endpoint_describe(const struct session_endpoint *endpoint, char *text, size_t size)
{
    const struct host_list *hosts = &endpoint->listener->hosts;
    if (endpoint->address.text[0] == '\0')
        host_list_describe(hosts, text, size);
    else
        (void)snprintf(text, size, "%s", hosts->names[endpoint->address.host]);
}

static int number_of(MQTTProperties *properties, enum MQTTPropertyCodes code, int64_t otherwise)
{
    int64_t number = otherwise;
    if (MQTTProperties_hasProperty(properties, code) != 0)
        number = MQTTProperties_getNumericValue(properties, code);
    return number > INT_MAX ? INT_MAX : (int)number;
}

struct announced announced_read(MQTTProperties *properties, int receive_maximum)
{
    return (struct announced){
        .packet_bytes = (uint32_t)number_of(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0),
        .keep_alive_s = number_of(properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0),
        .receive_maximum = number_of(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, receive_maximum),
        .qos = number_of(properties, MQTTPROPERTY_CODE_MAXIMUM_QOS, 2),
        .retains = number_of(properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0,
        .has_wildcards = number_of(properties, MQTTPROPERTY_CODE_WILDCARD_SUBSCRIPTION_AVAILABLE, 1) != 0,
    };
}

void announced_note_refusal(struct announced *announced, const MQTTAsync_failureData5 *data)
{
    /* Some releases of paho give the reason of a CONNACK as their own, positive code. */
    int reason = data->code > 0 ? data->code : (int)data->reasonCode;
    if (reason == MQTTREASONCODE_QOS_NOT_SUPPORTED)
        announced->qos = 0;
    if (reason == MQTTREASONCODE_RETAIN_NOT_SUPPORTED)
        announced->retains = false;
}

bool session_listener_secure(const struct session_listener *listener, MQTTAsync_SSLOptions *tls)
{
    *tls = (MQTTAsync_SSLOptions)MQTTAsync_SSLOptions_initializer;
    if (listener->ca_file[0] == '\0')
        return false;
    tls->trustStore = listener->ca_file;
    tls->keyStore = listener->certificate_file[0] == '\0' ? NULL : listener->certificate_file;
    tls->privateKey = listener->key_file[0] == '\0' ? NULL : listener->key_file;
    tls->enableServerCertAuth = 1;
    tls->verify = 1;
    tls->sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    return true;
}
