#include "clients/agent/settings.h"

#include "base/id.h"
#include "topics/topic.h"

#define SETTINGS_STRUCT struct agent_settings
#include "config/settings_rows.h"
#include <string.h>

/* Keys of one group stand together: settings_print writes them under one heading. */
static const struct setting rows[] = {
    TEXT("device", device, "", "This device's ID; its user name and client ID at the broker, too."),
    TEXT("branch", branch, "", "Its branch's ID; may be empty for a pull client. A node's device ID is its branch's."),
    TEXT("data_folder", data_folder, "/var/lib/tellercast-agent", "Folder of journal, outbox and artifacts."),
    TEXT("trusted_keys", trusted_keys, "/etc/tellercast/trusted-keys.json",
         "JWK Set file of the keys that may sign instructions."),
    TEXT("topic_root", topic_root, TOPIC_ROOT_DEFAULT, "What all MQTT topics start with."),

    CHOICE("log.level", log_level, "info", "debug|info|warning|error", "The least that is logged."),
    CHOICE("log.format", log_format, "text", "text|json", "One event a line, as text or as JSON."),

    TEXT("broker.host", broker_host, "127.0.0.1", "MQTT broker: host name or address."),
    INTEGER("broker.port", broker_port, "1883", 1, 65535, "MQTT broker: TCP port; 8883 is usual with TLS."),
    TEXT("broker.password_file", broker_password_file, "", "File whose first line is the password; empty: none."),
    TEXT("broker.ca_file", broker_ca_file, "", "PEM file of the authorities to trust; empty: no TLS."),
    TEXT("broker.certificate_file", broker_certificate_file, "", "PEM file of this device's certificate."),
    TEXT("broker.key_file", broker_key_file, "", "PEM file of that certificate's private key."),
    DURATION("broker.keep_alive", broker_keep_alive_ms, "60s", 5 * SECOND, HOUR, "Longest silence on the connection."),
    DURATION("broker.reconnect_first", broker_reconnect_first_ms, "1s", 10, HOUR,
             "Wait before the first try to connect again; doubles, half of it by chance."),
    DURATION("broker.reconnect_longest", broker_reconnect_longest_ms, "2m", 10, DAY, "Longest such wait."),

    TEXT("actions.install", action_install, "", "Executable that installs an artifact; empty: not done here."),
    TEXT("actions.rollback", action_rollback, "", "Executable that puts the previous version back."),
    TEXT("actions.configure", action_configure, "", "Executable that applies parameters."),
    TEXT("actions.collect", action_collect, "", "Executable that uploads a named file."),
    TEXT("actions.run", action_run, "", "Executable that runs a named procedure."),
    TEXT("actions.versions", action_versions, "", "Executable that prints what is installed; empty: actions.install."),
    TEXT("actions.folder", action_folder, "", "Folder in which the executables run; empty: data_folder/installed."),
    DURATION("actions.timeout", action_timeout_ms, "60m", SECOND, 2 * DAY, "Longest run of an executable."),
    DURATION("actions.grace", action_grace_ms, "10s", 0, HOUR, "Between asking one to end and killing it."),

    SIZE("download.size_limit", download_size_limit, "4GiB", 1, 1024 * GIB, "Largest artifact this device takes."),
    DURATION("download.connect_timeout", download_connect_ms, "30s", 100, HOUR, "Longest wait for a connection."),
    DURATION("download.stall_timeout", download_stall_ms, "60s", SECOND, HOUR, "Longest time without a single byte."),
    INTEGER("download.tries", download_tries, "8", 1, 1000, "Connections in a row that bring nothing before it fails."),
    DURATION("download.backoff_first", download_backoff_first_ms, "2s", 10, HOUR,
             "Wait before the second try; doubles, half of it by chance."),
    DURATION("download.backoff_longest", download_backoff_longest_ms, "2m", 10, HOUR, "Longest such wait."),
    SIZE("download.bytes_per_second", download_bytes_per_second, "0", 0, 1024 * GIB, "Rate limit; 0: none."),
    TEXT("download.ca_file", download_ca_file, "", "PEM file of the authorities to trust; empty: the system's."),

    DURATION("ask.first", ask_first_ms, "5s", 50, HOUR,
             "Wait for an answer while a dispatch stands; doubles, half of it by chance."),
    DURATION("ask.longest", ask_longest_ms, "2m", 50, DAY, "Longest such wait."),
    DURATION("ask.period", ask_period_ms, "1h", 0, 7 * DAY, "Pull client: how often it asks unbidden; 0s: never."),

    DURATION("report.resend_first", report_resend_first_ms, "10s", 50, HOUR,
             "Wait for the confirmation of a status before it is sent again; doubles."),
    DURATION("report.resend_longest", report_resend_longest_ms, "10m", 50, DAY, "Longest such wait."),
    DURATION("report.progress_period", report_progress_period_ms, "2s", 0, HOUR,
             "Least time between progress reports."),

    DURATION("node.hold_after_dispatch", node_hold_after_dispatch_ms, "0s", 0, DAY,
             "Node: how long after its last dispatch it defers an instruction of its own; 0s: not at all."),
};

const struct settings_table agent_settings_table = {rows, sizeof rows / sizeof *rows};

static enum tc_error check_identity(const struct agent_settings *settings, enum device_role role,
                                    struct tc_fault *fault)
{
    if (!id_is_valid(settings->device, strlen(settings->device)))
        return tc_fault_set(fault, TC_INVALID, "device: found \"%s\", allowed are 1 to 64 of A-Z a-z 0-9 _ -",
                            settings->device);
    if (role == ROLE_NODE && strcmp(settings->branch, "") != 0 && strcmp(settings->branch, settings->device) != 0)
        return tc_fault_set(fault, TC_INVALID, "branch: found \"%s\", but a node's device ID is its branch's: \"%s\"",
                            settings->branch, settings->device);
    bool may_be_empty = role != ROLE_ATM;
    if (!(may_be_empty && settings->branch[0] == '\0') && !id_is_valid(settings->branch, strlen(settings->branch)))
        return tc_fault_set(fault, TC_INVALID, "branch: found \"%s\", allowed are 1 to 64 of A-Z a-z 0-9 _ -",
                            settings->branch);
    if (!topic_root_is_valid(settings->topic_root))
        return tc_fault_set(fault, TC_INVALID, "topic_root: found \"%s\", allowed are levels of A-Z a-z 0-9 _ - .",
                            settings->topic_root);
    return TC_OK;
}

enum tc_error agent_settings_check(const struct agent_settings *settings, enum device_role role, struct tc_fault *fault)
{
    enum tc_error error = check_identity(settings, role, fault);
    if (error != TC_OK)
        return error;
    const struct {
        const char *key, *path;
    } executables[] = {
        {"actions.install", settings->action_install},
        {"actions.rollback", settings->action_rollback},
        {"actions.configure", settings->action_configure},
        {"actions.collect", settings->action_collect},
        {"actions.run", settings->action_run},
        {"actions.versions", settings->action_versions},
    };
    for (size_t i = 0; i < sizeof executables / sizeof *executables; i++) {
        const char *path = executables[i].path;
        if (path[0] != '\0' && path[0] != '/')
            return tc_fault_set(fault, TC_INVALID, "%s: found \"%s\", an absolute path is needed", executables[i].key,
                                path);
    }
    return TC_OK;
}
