/* Who submits at the socket or by MQTT. Private to the endpoints; any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_SUBMITTER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_SUBMITTER_H

#include "base/fault.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/act.h"

#include <stdbool.h>

struct people;
struct recorder;

/* A name by which an endpoint knows a peer. */
struct submitter {
    enum alias_kind kind;
    const char *name;     /* "": none that is proven */
    bool may_be_loopback; /* a peer that is no person is the subject `loopback` */
    const char *endpoint; /* "mqtt" or "socket" */
};

/* Sets the subject and its act, and decides whether it may submit, and where. TC_DENIED, or TC_UNAVAILABLE when that
 * cannot be told now. Notes and records a refusal. */
enum tc_error submitter_check(struct people *people, struct recorder *recorder, const struct submitter *submitter,
                              struct subject *subject, struct access_scope *scope, struct act *act,
                              struct tc_fault *fault);

/* The status of its answer. */
int submitter_status(enum tc_error error);

#endif
