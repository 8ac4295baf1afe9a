#include "clients/agent/runtime_technician.h"

#include "base/clock.h"
#include "base/log.h"
#include "clients/agent/agent_view.h"
#include "clients/agent/machine_status.h"
#include "clients/agent/runtime_credentials.h"
#include "clients/agent/runtime_folders.h"
#include "clients/agent/session_view.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *status_of(struct runtime *runtime)
{
    const struct agent_settings *settings = runtime->settings;
    struct agent_time now = runtime_now();
    struct agent_view agent;
    struct session_view session;
    agent_describe(runtime->agent, now, &agent);
    session_describe(runtime->session, &session);
    int64_t expiry_ms = credentials_expiry_ms(runtime->broker_credentials);
    const struct machine_status status = {
        .device = settings->device,
        .branch = runtime->role == ROLE_NODE ? settings->device : settings->branch,
        .role = runtime->role,
        .agent = &agent,
        .session = &session,
        .boot_ms = now.monotonic_ms,
        .wall_ms = now.wall_ms,
        .awaits_certificate = !runtime_has_certificate(runtime),
        .certificate_ends_ms = expiry_ms == CREDENTIALS_NO_EXPIRY ? 0 : expiry_ms,
    };
    return machine_status_document(&status);
}

static enum tc_error carry_out(struct runtime *runtime, const struct technician_request *request, uid_t user,
                               struct tc_fault *fault)
{
    char person[HOLD_PERSON_SIZE];
    (void)snprintf(person, sizeof person, "uid %u", (unsigned)user);
    switch (request->order) {
    case TECHNICIAN_STATUS: return TC_OK;
    case TECHNICIAN_HOLD:
        return agent_hold(runtime->agent, request->for_ms, request->reason, person, runtime_now(), fault);
    case TECHNICIAN_RELEASE: return agent_release(runtime->agent, runtime_now(), fault);
    case TECHNICIAN_RETRY_CONNECT:
        LOG_INFO("technician.retries", F_STR("person", person));
        session_retry(runtime->session, clock_boot_ms());
        return TC_OK;
    }
    return TC_INTERNAL;
}

static void serve(void *context, const struct technician_request *request, uid_t user, struct buffer *answer)
{
    struct runtime *runtime = context;
    struct tc_fault fault;
    if (carry_out(runtime, request, user, &fault) == TC_OK)
        technician_answer_encode(status_of(runtime), answer);
    else
        technician_refusal_encode(tc_error_name(fault.code), fault.text, answer);
}

void runtime_open_technician(struct runtime *runtime)
{
    struct tc_fault fault;
    const struct agent_settings *settings = runtime->settings;
    char *own = runtime_path(runtime, "technician.socket");
    const struct technician_listener_config config = {
        .path = settings->technician_socket[0] == '\0' ? own : settings->technician_socket,
        .group = settings->technician_group,
        .serve = serve,
        .context = runtime,
    };
    runtime->technician_path = own; /* the listener keeps the path of its configuration */
    if (technician_listener_open(&config, &runtime->technician, &fault) != TC_OK)
        LOG_WARNING("technician.not_served", F_STR("fault", fault.text));
}

void runtime_close_technician(struct runtime *runtime)
{
    technician_listener_close(runtime->technician);
    runtime->technician = NULL;
    free(runtime->technician_path);
    runtime->technician_path = NULL;
}

int runtime_technician_descriptor(const struct runtime *runtime)
{
    return runtime->technician == NULL ? -1 : technician_listener_descriptor(runtime->technician);
}

int64_t runtime_serve_technician(struct runtime *runtime, int64_t now_ms)
{
    return runtime->technician == NULL ? INT64_MAX : technician_listener_step(runtime->technician, now_ms);
}
