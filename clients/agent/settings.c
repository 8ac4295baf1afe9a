#include "clients/agent/settings.h"

#include "base/id.h"
#include "base/url.h"
#include "config/broker_hosts.h"
#include "topics/topic.h"

#define SETTINGS_STRUCT struct agent_settings
#include "config/settings_rows.h"
#include <string.h>

/* Keys of one group stand together: settings_print writes them under one heading. */
static const struct setting rows[] = {
    TEXT("device", device, "", "This device's ID; also its user name and client ID at the broker."),
    TEXT("branch", branch, "", "Its branch's ID; may be empty for a pull client. A node's device ID is its branch's."),
    TEXT("data_folder", data_folder, "/var/lib/tellercast-agent",
         "Folder of the journal, the outbox and the artifacts."),
    TEXT("trusted_keys", trusted_keys, "/etc/tellercast/trusted-keys.json",
         "JWK Set file of the first keys that may sign instructions; learned ones are in data_folder."),
    TEXT("topic_root", topic_root, TOPIC_ROOT_DEFAULT, "Prefix of all MQTT topics."),

    CHOICE("log.level", log_level, "info", "debug|info|warning|error", "Minimum log level."),
    CHOICE("log.format", log_format, "text", "text|json", "Log format: one event a line, as text or as JSON."),

    TEXT("broker.host", broker_host, BROKER_HOST_DEFAULT, "MQTT broker: host name or address."),
    DOCUMENT("broker.hosts", broker_hosts, "[]", broker_hosts_key,
             "In place of broker.host: the hosts of one broker cluster, tried in turn: [mq1.bank.example, "
             "mq2.bank.example]."),
    INTEGER("broker.port", broker_port, "1883", 1, 65535, "MQTT broker: TCP port; 8883 is usual with TLS."),
    TEXT("broker.password_file", broker_password_file, "", "File whose first line is the password; empty: none."),
    TEXT("broker.ca_file", broker_ca_file, "",
         "PEM file of the trusted certificate authorities; empty: no TLS, to a broker on loopback alone."),
    TEXT("broker.certificate_file", broker_certificate_file, "", "PEM file of this device's certificate."),
    TEXT("broker.key_file", broker_key_file, "", "PEM file of that certificate's private key."),
    DURATION("broker.keep_alive", broker_keep_alive_ms, "60s", 5 * SECOND, HOUR,
             "Keep-alive interval of the connection."),
    DURATION("broker.reconnect_first", broker_reconnect_first_ms, "1s", 10, HOUR,
             "Delay before the first reconnection; doubles each time, half of it random."),
    DURATION("broker.reconnect_longest", broker_reconnect_longest_ms, "2m", 10, DAY, "Maximum of that delay."),

    INTEGER(
        "former_broker.port", former_broker_port, "0", 0, 65535,
        "TCP port of the broker's listener without certificates, used until this device has one, and while the other "
        "listener does not answer; 0: none. Its password is in broker.password_file."),
    TEXT("former_broker.host", former_broker_host, "", "Its host name or address; empty: those of the broker."),
    TEXT("former_broker.ca_file", former_broker_ca_file, "",
         "PEM file of the authorities to trust for that listener; empty: no TLS."),

    TEXT("enrolment.url", enrolment_url, "",
         "Server of EST from which this device gets its certificate and renews it, https://HOST:PORT; empty: none."),
    TEXT("enrolment.ca_file", enrolment_ca_file, "",
         "PEM file of the authorities to trust for that server; empty: the system's."),
    TEXT("enrolment.code_file", enrolment_code_file, "",
         "File whose first line is an enrolment code; used at once, and then removed."),
    DURATION("enrolment.retry_first", enrolment_retry_first_ms, "10s", 10, HOUR,
             "Delay before the second try; doubles each time, half of it random."),
    DURATION("enrolment.retry_longest", enrolment_retry_longest_ms, "1h", 10, DAY, "Maximum of that delay."),

    BOOLEAN("logs.upload", logs_upload, "true",
            "Send the end of an installer's output to the orchestrators when it failed; masked, see actions.mask."),
    TEXT("logs.url", logs_url, "",
         "Server of EST that takes the logs, https://HOST:PORT; empty: enrolment.url; without both they are not sent."),

    ACTION_SETTINGS_ROWS("this device refuses installs.", "data_folder/installed."),
    TEXT("actions.socket", action_socket, "",
         "Socket of this device's privileged half, which runs each action that has no executable here; empty: none."),

    SIZE("download.size_limit", download_size_limit, "4GiB", 1, 1024 * GIB,
         "Maximum size of an artifact on this device."),
    DURATION("download.connect_timeout", download_connect_ms, "30s", 100, HOUR, "Timeout for opening a connection."),
    DURATION("download.deadline", download_deadline_ms, "24h", SECOND, 30 * DAY,
             "Timeout for one artifact, waits included; bytes received are kept for another attempt."),
    DURATION("download.stall_timeout", download_stall_ms, "60s", SECOND, HOUR,
             "Maximum time below the minimum rate on one connection."),
    SIZE("download.least_bytes_per_second", download_least_rate, "256", 0, GIB,
         "Minimum rate; a slower transfer is no progress. At most half of bytes_per_second counts."),
    INTEGER("download.tries", download_tries, "8", 1, 1000,
            "Connections in a row without progress before the download fails; repeated bytes are no progress."),
    DURATION("download.backoff_first", download_backoff_first_ms, "2s", 10, HOUR,
             "Delay before the second try; doubles each time, half of it random."),
    DURATION("download.backoff_longest", download_backoff_longest_ms, "2m", 10, HOUR, "Maximum of that delay."),
    SIZE("download.bytes_per_second", download_bytes_per_second, "0", 0, 1024 * GIB, "Rate limit; 0: none."),
    TEXT("download.ca_file", download_ca_file, "", "PEM file of the authorities to trust; empty: the system's."),
    TEXT("download.certificate_file", download_certificate_file, "",
         "PEM file of the certificate to show to servers that download.ca_file vouches for; empty: "
         "broker.certificate_file."),
    TEXT("download.key_file", download_key_file, "", "PEM file of that certificate's private key."),
    TEXT("download.proxy", download_proxy, "", "URL of the proxy for downloads; empty: none; http_proxy is ignored."),

    DURATION("ask.first", ask_first_ms, "5s", 50, HOUR,
             "Time to wait for an answer to a dispatch; doubles each time, half of it random."),
    DURATION("ask.longest", ask_longest_ms, "2m", 50, DAY, "Maximum of that delay."),
    DURATION("ask.while_downloading", ask_while_downloading_ms, "10s", 0, HOUR,
             "During a download: interval between asks whether the instruction is still in force, half of it random; "
             "0s: never."),
    DURATION("ask.period", ask_period_ms, "1h", 0, 7 * DAY, "Pull client: interval between its own asks; 0s: never."),
    DURATION("ask.keys_period", ask_keys_period_ms, "24h", 0, 30 * DAY,
             "Where there are no such asks: interval between asks that only tell which signing keys the device trusts, "
             "half of it random; 0s: never."),

    DURATION("report.resend_first", report_resend_first_ms, "10s", 50, HOUR,
             "Delay before an unconfirmed report is sent again; doubles each time."),
    DURATION("report.resend_longest", report_resend_longest_ms, "10m", 50, DAY, "Maximum of that delay."),
    DURATION("report.progress_period", report_progress_period_ms, "2s", 0, HOUR,
             "Minimum interval between progress reports."),

    DURATION("node.hold_after_dispatch", node_hold_after_dispatch_ms, "0s", 0, DAY,
             "Node: how long after its last dispatch it defers an instruction of its own; 0s: not at all."),

    TEXT("technician.socket", technician_socket, "",
         "Unix socket for tellercast-agent, the technician's program; empty: data_folder/technician.socket."),
    TEXT("technician.group", technician_group, "",
         "Group whose members it serves beside root and the agent's own user; empty: none."),
};

const struct settings_table agent_settings_table = {rows, sizeof rows / sizeof *rows};

static enum tc_error check_identity(const struct agent_settings *settings, enum device_role role,
                                    struct tc_fault *fault)
{
    if (!id_is_valid(settings->device, strlen(settings->device)))
        return tc_fault_set(fault, TC_INVALID, "device: found \"%s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -",
                            settings->device);
    if (role == ROLE_NODE && strcmp(settings->branch, "") != 0 && strcmp(settings->branch, settings->device) != 0)
        return tc_fault_set(fault, TC_INVALID, "branch: found \"%s\", allowed: the node's own device ID, \"%s\"",
                            settings->branch, settings->device);
    bool may_be_empty = role != ROLE_ATM;
    if (!(may_be_empty && settings->branch[0] == '\0') && !id_is_valid(settings->branch, strlen(settings->branch)))
        return tc_fault_set(fault, TC_INVALID, "branch: found \"%s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -",
                            settings->branch);
    if (!topic_root_is_valid(settings->topic_root))
        return tc_fault_set(fault, TC_INVALID, "topic_root: found \"%s\", allowed: levels of A-Z a-z 0-9 _ - .",
                            settings->topic_root);
    return TC_OK;
}

/* A former listener is left behind when the device has enrolled, and one that it cannot leave is no former one. */
static enum tc_error check_former_broker(const struct agent_settings *settings, struct tc_fault *fault)
{
    if (settings->former_broker_port == 0)
        return TC_OK;
    if (url_may_have_user(settings->former_broker_host))
        return tc_fault_set(fault, TC_INVALID,
                            "former_broker.host: a user is not allowed; a device's user is its ID, and "
                            "its password is in broker.password_file");
    if (settings->enrolment_url[0] == '\0')
        return tc_fault_set(fault, TC_INVALID,
                            "former_broker.port: needs enrolment.url, from which the device gets the certificate "
                            "for the other listener");
    if (settings->broker_ca_file[0] == '\0')
        return tc_fault_set(fault, TC_INVALID,
                            "former_broker.port: needs broker.ca_file, since the other listener is for certificates");
    return TC_OK;
}

/* The value may contain a password: no fault quotes it. */
static enum tc_error check_addresses(const struct agent_settings *settings, struct tc_fault *fault)
{
    struct url_proxy proxy;
    struct host_list hosts;
    if (settings->download_proxy[0] != '\0' && url_read_proxy(settings->download_proxy, &proxy, fault) != TC_OK)
        return tc_fault_context(fault, "download.proxy");
    enum tc_error error = broker_hosts_read(settings->broker_hosts, settings->broker_host, &hosts, fault);
    if (error != TC_OK)
        return error;
    const char *remote = broker_hosts_find_remote(&hosts);
    if (settings->broker_ca_file[0] == '\0' && remote != NULL)
        return tc_fault_set(fault, TC_DENIED,
                            "broker.ca_file: must be set, since broker.host, %s, is not on loopback: it is reached by "
                            "TLS alone",
                            remote);
    return TC_OK;
}

static enum tc_error check_download(const struct agent_settings *settings, struct tc_fault *fault)
{
    bool has_certificate = settings->download_certificate_file[0] != '\0';
    if (has_certificate != (settings->download_key_file[0] != '\0'))
        return tc_fault_set(fault, TC_INVALID,
                            "download.certificate_file and download.key_file must both be set, or none of them");
    if (has_certificate && settings->download_ca_file[0] == '\0')
        return tc_fault_set(fault, TC_INVALID,
                            "download.ca_file: must be set, since download.certificate_file is: the certificate is "
                            "shown only to servers that these authorities vouch for");
    return TC_OK;
}

static enum tc_error check_server(const char *key, const char *url, struct tc_fault *fault)
{
    static const char scheme[] = "https://";
    size_t length = strlen(url);
    if (length == 0)
        return TC_OK;
    if (url_may_have_user(url))
        return tc_fault_set(fault, TC_INVALID, "%s: a user is not allowed; the code is in enrolment.code_file", key);
    if (strncmp(url, scheme, sizeof scheme - 1) != 0 || url[length - 1] == '/' || url_find_fault(url) != NULL)
        return tc_fault_set(fault, TC_INVALID, "%s: found \"%s\", allowed: https://HOST:PORT", key, url);
    return TC_OK;
}

static enum tc_error check_enrolment(const struct agent_settings *settings, struct tc_fault *fault)
{
    const char *url = settings->enrolment_url;
    enum tc_error error = check_server("enrolment.url", url, fault);
    if (error == TC_OK)
        error = check_server("logs.url", settings->logs_url, fault);
    if (error != TC_OK || url[0] == '\0')
        return error;
    if (settings->broker_certificate_file[0] == '\0' || settings->broker_key_file[0] == '\0')
        return tc_fault_set(fault, TC_INVALID,
                            "enrolment.url: broker.certificate_file and broker.key_file must say "
                            "where the certificate and its key go");
    return TC_OK;
}

enum tc_error agent_settings_check(const struct agent_settings *settings, enum device_role role, struct tc_fault *fault)
{
    enum tc_error error = check_identity(settings, role, fault);
    if (error != TC_OK)
        return error;
    error = check_addresses(settings, fault);
    if (error == TC_OK)
        error = check_download(settings, fault);
    if (error == TC_OK)
        error = check_enrolment(settings, fault);
    if (error == TC_OK)
        error = check_former_broker(settings, fault);
    if (error == TC_OK)
        error = action_settings_check(&settings->actions, NULL, fault);
    if (error == TC_OK && settings->action_socket[0] != '\0' && settings->action_socket[0] != '/')
        error = tc_fault_set(fault, TC_INVALID, "actions.socket: found \"%s\", allowed: an absolute path",
                             settings->action_socket);
    if (error == TC_OK && settings->technician_socket[0] != '\0' && settings->technician_socket[0] != '/')
        error = tc_fault_set(fault, TC_INVALID, "technician.socket: found \"%s\", allowed: an absolute path",
                             settings->technician_socket);
    return error;
}
