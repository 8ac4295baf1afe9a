#include "clients/agent/session_view.h"

#include "clients/agent/session_state.h"

#include <stdio.h>
#include <string.h>

void session_describe(struct session *session, struct session_view *view)
{
    const struct session_endpoint *endpoint = atomic_load(&session->current);
    *view = (struct session_view){
        .activity = session->phase == PHASE_READY     ? SESSION_CONNECTED
                    : session->phase == PHASE_WAITING ? SESSION_WAITING
                                                      : SESSION_CONNECTING,
        .is_former = endpoint == &session->endpoints[SESSION_FORMER],
        .port = endpoint->listener->port,
        .next_try_ms = session->connect_ms,
    };
    session_endpoint_describe(endpoint, view->hosts, sizeof view->hosts);
    memcpy(view->address, endpoint->address.text, sizeof view->address);
    (void)snprintf(view->fault, sizeof view->fault, "%s", session->fault);
}

void session_retry(struct session *session, int64_t now_ms)
{
    struct technician_pace next = session->retry_pace;
    int64_t at_ms = technician_pace_next(&next, now_ms);
    session->delay_ms = session->config.reconnect_first_ms;
    if (session->phase != PHASE_WAITING || at_ms >= session->connect_ms)
        return;
    session->connect_ms = at_ms;
    session->retry_pace = next;
}
