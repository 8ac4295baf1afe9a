/* The body of an operator's request, in JSON or YAML. Any thread.
 *
 * An operation on a rollout has {"version":7,"reason":"…"}; approve and reject have {"digest":"…","reason":"…"} and may
 * have "group":"pilot", unless they are of an amendment, whose digest it is; an operation on a group has
 * {"version":7,"reason":"…","group":"pilot"}, one on devices of a rollout "match":"region=emea" or "device":"A7"
 * instead of the group; an order to collect has {"file":"journal","reason":"…"}; one on the installation or on a device
 * has only {"reason":"…"}. */
#ifndef TELLERCAST_CONFIG_OPERATION_H
#define TELLERCAST_CONFIG_OPERATION_H

#include "base/fault.h"
#include "base/id.h"
#include "config/document.h"
#include "config/schema.h"

#include <stdint.h>

/* A reason cannot be blank. Its characters, and their bytes. */
#define OPERATION_REASON_CHARACTERS 500
#define OPERATION_REASON_MAX 2000
#define OPERATION_BODY_MAX 8192
/* A scope, as its labels are written. */
#define OPERATION_MATCH_MAX 1024

enum operation_form {
    OPERATION_ON_VERSION,   /* version of the rollout that the operator saw */
    OPERATION_ON_DIGEST,    /* digest of the plan that the operator read */
    OPERATION_ON_AMENDMENT, /* digest of the amendment that the operator read */
    OPERATION_ON_GROUP,     /* version of the rollout that the operator saw, and a group */
    OPERATION_ON_SCOPE,     /* likewise, and a scope */
    OPERATION_ON_DEVICE,    /* likewise, and a device */
    OPERATION_BY_REASON,    /* a reason and nothing else */
    OPERATION_ON_FILE,      /* the name of a file of a device */
};

struct operation_words {
    int64_t version;                     /* of OPERATION_ON_VERSION, _GROUP, _SCOPE and _DEVICE */
    char digest[65];                     /* of OPERATION_ON_DIGEST and OPERATION_ON_AMENDMENT */
    char group[TC_ID_SIZE];              /* "": the rollout as a whole */
    char match[OPERATION_MATCH_MAX + 1]; /* that scope_text_parse() reads */
    char device[TC_ID_SIZE];
    char file[TC_ID_SIZE]; /* of OPERATION_ON_FILE */
    char reason[OPERATION_REASON_MAX + 1];
};

/* TC_INVALID with every fault in `faults`: unknown keys, missing ones, wrong values. */
enum tc_error operation_parse(enum operation_form form, const char *bytes, size_t length, struct operation_words *words,
                              struct document_faults *faults);

/* For schemas of other orders: reads a reason; a name, for a key whose `allowed` says of what; a scope. */
schema_reader operation_read_reason;
schema_reader operation_read_name;
schema_reader operation_read_match;

/* Returns whether the text is valid as a reason. */
bool operation_reason_is_valid(const char *text);

#endif
