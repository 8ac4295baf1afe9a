/* The messages of the wire, version 1: JSON (RFC 8259), UTF-8, at most MESSAGE_SIZE_MAX bytes.
 * Unknown fields are ignored, duplicate keys are refused, as is nesting deeper than 16. Any thread.
 *
 * Every decode function returns TC_OK, or TC_INVALID or TC_TOO_LARGE with a fault that names the
 * field, what was found and what is allowed; then the out parameter is left empty. Every encode
 * function appends compact JSON to a buffer. What decode gave, the matching free function takes. */
#ifndef TELLERCAST_TOPICS_MESSAGE_H
#define TELLERCAST_TOPICS_MESSAGE_H

#include "base/buffer.h"
#include "base/fault.h"
#include "base/id.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_CODE_MAX 64
#define STATUS_DETAIL_MAX 1024
#define VERSIONS_MAX 64 /* entries in a `versions` object; names and values as name_is_valid */

/* ---- ask: device → orchestrator ------------------------------------------------------------- */

struct ask {
    json_t *versions; /* object of artifact name → version, or NULL when it said nothing; owned */
};

enum tc_error ask_decode(const void *bytes, size_t length, struct ask *ask, struct tc_fault *fault);
void ask_encode(const struct ask *ask, struct buffer *out);
void ask_free(struct ask *ask);

/* ---- status: device → orchestrator ---------------------------------------------------------- */

enum report_state {
    REPORT_RECEIVED,
    REPORT_DEFERRED, /* the device asks to be started later: a customer is at the machine, say */
    REPORT_INSTALLING,
    REPORT_COMPLETED,
    REPORT_FAILED,
    REPORT_REJECTED, /* the device refuses this instruction, and says why */
};

const char *report_state_name(enum report_state state);
bool report_state_parse(const char *name, enum report_state *state);
/* True for the states after which an attempt does nothing more: all but received and installing. */
bool report_state_is_final(enum report_state state);

struct status {
    int64_t instruction; /* ≥ 1 */
    int32_t attempt;     /* ≥ 1 */
    int32_t sequence;    /* ≥ 1; grows by one per report of that (instruction, attempt) */
    enum report_state state;
    int32_t progress; /* percent, 0 to 100; -1 when not said */
    bool confirm;     /* the device wants a confirm for this one, too */
    char code[STATUS_CODE_MAX + 1];
    char detail[STATUS_DETAIL_MAX + 1];
    json_t *versions; /* owned; NULL when not said */
    int64_t at_ms;    /* the device's own clock; 0 when not said */
};

enum tc_error status_decode(const void *bytes, size_t length, struct status *status, struct tc_fault *fault);
void status_encode(const struct status *status, struct buffer *out);
void status_free(struct status *status);

/* ---- start: orchestrator → node ------------------------------------------------------------- */

#define START_DEVICES_MAX 256 /* devices in one start command; a larger branch gets several */

struct start {
    int64_t rollout;
    size_t device_count;
    char (*devices)[TC_ID_SIZE]; /* owned after decode */
    int64_t expires_ms;
};

enum tc_error start_decode(const void *bytes, size_t length, struct start *start, struct tc_fault *fault);
void start_encode(const struct start *start, struct buffer *out);
void start_free(struct start *start);

/* ---- dispatch: node → ATM client ------------------------------------------------------------ */

struct dispatch {
    int64_t rollout;
    char device[TC_ID_SIZE];
    int64_t expires_ms;
};

enum tc_error dispatch_decode(const void *bytes, size_t length, struct dispatch *dispatch, struct tc_fault *fault);
void dispatch_encode(const struct dispatch *dispatch, struct buffer *out);

/* ---- confirm: orchestrator → device --------------------------------------------------------- */

struct confirm {
    int64_t instruction;
    int32_t attempt;
    int32_t sequence;
    bool accepted;    /* committed, or already superseded by what is committed */
    char reason[128]; /* why not; empty when accepted */
};

enum tc_error confirm_decode(const void *bytes, size_t length, struct confirm *confirm, struct tc_fault *fault);
void confirm_encode(const struct confirm *confirm, struct buffer *out);

/* ---- presence: device → all ----------------------------------------------------------------- */

enum device_role { ROLE_NODE, ROLE_ATM, ROLE_PULL };

const char *device_role_name(enum device_role role); /* "node", "atm", "pull" */
bool device_role_parse(const char *name, enum device_role *role);

struct presence {
    bool online;
    enum device_role role;
    char branch[TC_ID_SIZE]; /* empty for a pull client */
    char agent[TC_ID_SIZE];  /* the agent's own version */
};

enum tc_error presence_decode(const void *bytes, size_t length, struct presence *presence, struct tc_fault *fault);
void presence_encode(const struct presence *presence, struct buffer *out);

#endif
