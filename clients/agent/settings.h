/* The settings of a client. The table in settings.c says each key's default, unit and help. */
#ifndef TELLERCAST_CLIENTS_AGENT_SETTINGS_H
#define TELLERCAST_CLIENTS_AGENT_SETTINGS_H

#include "base/fault.h"
#include "clients/agent/startup/action_settings.h"
#include "config/settings.h"
#include "topics/message.h"

struct agent_settings {
    char *device, *branch;
    char *data_folder;
    char *trusted_keys;
    char *topic_root;
    char *log_level, *log_format;

    char *broker_host, *broker_hosts; /* see config/broker_hosts.h */
    int64_t broker_port;
    char *broker_password_file;
    char *broker_ca_file, *broker_certificate_file, *broker_key_file;
    int64_t broker_keep_alive_ms;
    int64_t broker_reconnect_first_ms, broker_reconnect_longest_ms;

    char *former_broker_host, *former_broker_ca_file;
    int64_t former_broker_port;

    char *enrolment_url, *enrolment_ca_file, *enrolment_code_file;
    int64_t enrolment_retry_first_ms, enrolment_retry_longest_ms;

    bool logs_upload;
    char *logs_url;

    struct action_settings actions;
    char *action_socket;

    int64_t download_size_limit;
    int64_t download_connect_ms, download_stall_ms, download_deadline_ms;
    int64_t download_least_rate;
    int64_t download_tries;
    int64_t download_backoff_first_ms, download_backoff_longest_ms;
    int64_t download_bytes_per_second;
    char *download_ca_file, *download_certificate_file, *download_key_file, *download_proxy;

    int64_t ask_first_ms, ask_longest_ms, ask_while_downloading_ms, ask_period_ms, ask_keys_period_ms;
    int64_t report_resend_first_ms, report_resend_longest_ms;
    int64_t report_progress_period_ms;
    int64_t node_hold_after_dispatch_ms;

    char *technician_socket, *technician_group;
};

extern const struct settings_table agent_settings_table;

/* Checks IDs, a node's branch, absolute paths and URLs: TC_INVALID. TC_DENIED: without TLS, the broker must be on
 * loopback. */
enum tc_error agent_settings_check(const struct agent_settings *settings, enum device_role role,
                                   struct tc_fault *fault);

#endif
