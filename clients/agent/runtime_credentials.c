#include "clients/agent/runtime_credentials.h"

#include "base/clock.h"
#include "tls/certificate_time.h"

enum { LOOK_PERIOD_MS = 10000 };

enum tc_error runtime_open_credentials(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    const struct credentials_files broker = {"broker", settings->broker_ca_file, settings->broker_certificate_file,
                                             settings->broker_key_file};
    const struct credentials_files download = {"download", settings->download_ca_file, "", ""};
    enum tc_error error = certificate_time_take_over(fault);
    if (error == TC_OK)
        error = credentials_open(&broker, &runtime->broker_credentials, fault);
    if (error == TC_OK)
        error = credentials_open(&download, &runtime->download_credentials, fault);
    runtime->next_look_ms = clock_boot_ms() + LOOK_PERIOD_MS;
    return error;
}

void runtime_close_credentials(struct runtime *runtime)
{
    credentials_close(runtime->download_credentials);
    credentials_close(runtime->broker_credentials);
}

int64_t runtime_watch_credentials(struct runtime *runtime, struct agent_time now)
{
    int64_t proven_ms, now_ms = now.monotonic_ms;
    bool is_proven = agent_proven_time(runtime->agent, now, &proven_ms);
    if (is_proven)
        certificate_time_set(proven_ms);
    else
        certificate_time_forget();
    if (now_ms < runtime->next_look_ms)
        return runtime->next_look_ms;
    runtime->next_look_ms = now_ms + LOOK_PERIOD_MS;
    int64_t time_ms = is_proven ? proven_ms : CREDENTIALS_TIME_UNKNOWN;
    if (credentials_watch(runtime->broker_credentials, time_ms))
        session_renew(runtime->session);
    (void)credentials_watch(runtime->download_credentials, time_ms);
    return runtime->next_look_ms;
}
