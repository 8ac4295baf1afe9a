/* What a session shows to who asks at the machine. */
#ifndef TELLERCAST_CLIENTS_AGENT_SESSION_VIEW_H
#define TELLERCAST_CLIENTS_AGENT_SESSION_VIEW_H

#include "clients/agent/session.h"
#include "hosts/address_turn.h"

#include <stdbool.h>

#define SESSION_HOSTS_SIZE 512
#define SESSION_FAULT_SIZE 128

enum session_activity { SESSION_CONNECTED, SESSION_CONNECTING, SESSION_WAITING };

struct session_view {
    enum session_activity activity;
    bool is_former;                  /* it is about the listener without certificates */
    char hosts[SESSION_HOSTS_SIZE];  /* the host of the connection; all of them when none answered; cut */
    char address[ADDRESS_TEXT_SIZE]; /* "": none */
    int port;
    int64_t next_try_ms;            /* of SESSION_WAITING: by clock_boot_ms */
    char fault[SESSION_FAULT_SIZE]; /* why the last connection ended or was not made; "": connected */
};

void session_describe(struct session *session, struct session_view *view);

/* Where the session waits to try again, connects at the next session_step, or as soon as the pace of a technician's
 * orders allows. Begins with short waits. */
void session_retry(struct session *session, int64_t now_ms);

#endif
