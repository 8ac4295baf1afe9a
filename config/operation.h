/* What a person says when ordering an operation on a rollout: {"version":7,"reason":"…"}, or, to approve or reject
 * it, {"digest":"…","reason":"…","group":"pilot"}, or, about a group of it, {"version":7,"reason":"…","group":"pilot"};
 * or on the installation or a device, {"reason":"…"}. JSON or YAML. Any thread. */
#ifndef TELLERCAST_CONFIG_OPERATION_H
#define TELLERCAST_CONFIG_OPERATION_H

#include "base/fault.h"
#include "base/id.h"
#include "config/document.h"

#include <stdint.h>

#define OPERATION_REASON_MAX 500 /* bytes; it cannot be empty or blank */
#define OPERATION_BODY_MAX 8192

enum operation_form {
    OPERATION_ON_VERSION, /* of the rollout, as the person saw it */
    OPERATION_ON_DIGEST,  /* of the plan that the person read */
    OPERATION_ON_GROUP,   /* of the rollout, as the person saw it */
    OPERATION_BY_REASON,  /* which alone is given */
};

struct operation_words {
    int64_t version;        /* of the first form and the third */
    char digest[65];        /* of the second form */
    char group[TC_ID_SIZE]; /* "": the rollout as a whole */
    char reason[OPERATION_REASON_MAX + 1];
};

/* TC_INVALID with every fault in `faults`: unknown keys, missing ones, wrong values. */
enum tc_error operation_parse(enum operation_form form, const char *bytes, size_t length, struct operation_words *words,
                              struct document_faults *faults);

/* True for what may stand as a reason. */
bool operation_reason_is_valid(const char *text);

#endif
