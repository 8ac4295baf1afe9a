/* The daemon's certificates: those of its connection to the broker, of its HTTP endpoint and of that for enrolment.
 * Files that were replaced come into use without a restart. One thread, that of main. */
#ifndef TELLERCAST_ORCHESTRATOR_RENEWAL_H
#define TELLERCAST_ORCHESTRATOR_RENEWAL_H

#include "base/fault.h"
#include "config/daemon.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/intake/intake.h"

struct renewal;

/* Adds a fault for each certificate, key and authority that the settings name and that does not work. */
void renewal_check_files(const struct daemon_settings *settings, struct document_faults *faults);

enum tc_error renewal_open(const struct daemon_settings *settings, struct renewal **renewal, struct tc_fault *fault);
void renewal_close(struct renewal *renewal);

/* Set the paths from which the connections read their files. The renewal must outlive them. */
void renewal_set_broker(const struct renewal *renewal, struct broker_config *broker);
void renewal_set_intake(const struct renewal *renewal, struct intake_config *intake);

/* Looks whether files were replaced, and makes `broker` and `intake` use those that work. Call it every second or so.
 */
void renewal_watch(struct renewal *renewal, struct broker *broker, struct intake *intake);

#endif
