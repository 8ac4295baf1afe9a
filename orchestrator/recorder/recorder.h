/* The recorder records the refusals of all endpoints in the record of acts; what is done is recorded in its own
 * transaction (orchestrator/store/acts.h). Its callers do not wait: a thread writes, again and again while the database
 * does not answer.
 *
 * Nobody fills a disk or the memory by being refused. A person has RECORDER_EACH rows a minute, endpoint and verb, and
 * then one with a count; RECORDER_KINDS of these are told apart. Of peers that are not known there is one row an
 * address, name and verb each minute, and RECORDER_PEERS of them are told apart. Any thread; every function takes NULL
 * instead of a recorder, and then does nothing. */
#ifndef TELLERCAST_ORCHESTRATOR_RECORDER_RECORDER_H
#define TELLERCAST_ORCHESTRATOR_RECORDER_RECORDER_H

#include "orchestrator/store/act.h"
#include "orchestrator/store/guard.h"

#include <stdint.h>

enum { RECORDER_EACH = 60, RECORDER_KINDS = 40, RECORDER_PEERS = 100, RECORDER_QUEUE = 1000 };

struct recorder;

struct recorder_config {
    const char *database; /* must outlive it, as the guard */
    struct store_guard *guard;
};

/* Keeps what it gets until recorder_start, which needs the tables. */
enum tc_error recorder_open(const struct recorder_config *config, struct recorder **recorder, struct tc_fault *fault);
enum tc_error recorder_start(struct recorder *recorder, struct tc_fault *fault);
/* Writes what there is, if the database answers. */
void recorder_close(struct recorder *recorder);
int64_t recorder_last_progress_ms(const struct recorder *recorder);

/* Records that a known person's act was not done. Does nothing when it is recorded already; then it is. */
void recorder_refuse(struct recorder *recorder, struct act *act);

/* Records that a peer without a credential, or with one that is nobody's, was refused. `name`: what it gave as its
 * name; "" none. `verb`: what it wanted; "login" when it was not looked at. */
void recorder_refuse_unknown(struct recorder *recorder, const char *endpoint, const char *address, const char *name,
                             const char *verb, const char *refusal);

#endif
