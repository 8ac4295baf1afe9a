#include "clients/agent/runtime_credentials.h"

#include "base/clock.h"
#include "tls/certificate_time.h"

#include <string.h>

enum { LOOK_PERIOD_MS = 10000 };

static enum tc_error open_enrolment(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    const struct enrolment_config config = {
        .device = settings->device,
        .url = settings->enrolment_url,
        .ca_file = settings->enrolment_ca_file,
        .code_file = settings->enrolment_code_file,
        .certificate_file = settings->broker_certificate_file,
        .key_file = settings->broker_key_file,
        .retry_first_ms = settings->enrolment_retry_first_ms,
        .retry_longest_ms = settings->enrolment_retry_longest_ms,
    };
    if (config.url[0] == '\0')
        return TC_OK;
    return enrolment_open(&config, &runtime->enrolment, fault);
}

enum tc_error runtime_open_credentials(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    const struct credentials_files broker = {.name = "broker",
                                             .ca_file = settings->broker_ca_file,
                                             .certificate_file = settings->broker_certificate_file,
                                             .key_file = settings->broker_key_file,
                                             .is_certificate_awaited = settings->enrolment_url[0] != '\0'};
    const struct credentials_files download = {
        .name = "download",
        .ca_file = settings->download_ca_file,
        .certificate_file = settings->download_certificate_file,
        .key_file = settings->download_key_file,
        .is_certificate_awaited =
            broker.is_certificate_awaited && strcmp(settings->download_certificate_file, broker.certificate_file) == 0};
    enum tc_error error = certificate_time_take_over(fault);
    if (error == TC_OK)
        error = open_enrolment(runtime, fault);
    if (error == TC_OK)
        error = credentials_open(&broker, &runtime->broker_credentials, fault);
    if (error == TC_OK)
        error = credentials_open(&download, &runtime->download_credentials, fault);
    runtime->next_look_ms = clock_boot_ms() + LOOK_PERIOD_MS;
    return error;
}

void runtime_close_credentials(struct runtime *runtime)
{
    enrolment_close(runtime->enrolment);
    credentials_close(runtime->download_credentials);
    credentials_close(runtime->broker_credentials);
}

static const char *path_or_null(const char *path)
{
    return path[0] == '\0' ? NULL : path;
}

void runtime_set_download_credentials(const struct runtime *runtime, struct download_limits *limits)
{
    bool has_own = runtime->settings->download_certificate_file[0] != '\0';
    const struct credentials *own = has_own ? runtime->download_credentials : runtime->broker_credentials;
    limits->ca_file = path_or_null(credentials_ca_path(runtime->download_credentials));
    limits->certificate_file = path_or_null(credentials_certificate_path(own));
    limits->key_file = path_or_null(credentials_key_path(own));
}

int64_t runtime_watch_credentials(struct runtime *runtime, struct agent_time now)
{
    int64_t proven_ms, now_ms = now.monotonic_ms;
    bool is_proven = agent_proven_time(runtime->agent, now, &proven_ms);
    if (is_proven)
        certificate_time_set(proven_ms);
    else
        certificate_time_forget();
    if (runtime->enrolment != NULL) {
        enrolment_set_time(runtime->enrolment, is_proven, is_proven ? proven_ms : 0);
        if (enrolment_has_replaced(runtime->enrolment))
            runtime->next_look_ms = 0;
    }
    if (now_ms < runtime->next_look_ms)
        return runtime->next_look_ms;
    runtime->next_look_ms = now_ms + LOOK_PERIOD_MS;
    int64_t time_ms = is_proven ? proven_ms : CREDENTIALS_TIME_UNKNOWN;
    if (credentials_watch(runtime->broker_credentials, time_ms))
        session_renew(runtime->session);
    (void)credentials_watch(runtime->download_credentials, time_ms);
    return runtime->next_look_ms;
}

bool runtime_has_certificate(const struct runtime *runtime)
{
    return runtime->enrolment == NULL || credentials_expiry_ms(runtime->broker_credentials) != CREDENTIALS_NO_EXPIRY;
}
