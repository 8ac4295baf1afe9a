/* The messages of the wire, version 1: JSON (RFC 8259), UTF-8, at most MESSAGE_SIZE_MAX bytes.
 * Unknown fields are ignored, duplicate keys are refused, as is nesting deeper than 16. Any thread.
 *
 * Every decode function returns TC_OK, or TC_INVALID or TC_TOO_LARGE with a fault that names the
 * field, what was found and what is allowed; then the out parameter is left empty (report: see there). Every encode
 * function appends compact JSON to a buffer. Free decoded messages with the matching free function. */
#ifndef TELLERCAST_TOPICS_MESSAGE_H
#define TELLERCAST_TOPICS_MESSAGE_H

#include "base/buffer.h"
#include "base/fault.h"
#include "base/id.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATTEMPTS_MAX 1000000 /* of one instruction */
#define REPORT_CODE_MAX 64
#define REPORT_DETAIL_MAX 1024
#define HELD_REASON_MAX 200     /* bytes of the reason of a technician's hold */
#define INSTALL_LOG_MAX 65536   /* bytes of the log of a failure: the end of its installer's output */
#define MESSAGE_REASON_SIZE 128 /* of the text of a message's fault */
#define ASK_KEYS_MAX 64         /* keys named in an ask */
#define VERSIONS_MAX 64         /* entries in a `versions` object; names and values as name_is_valid */

/* ---- ask: device → orchestrator ------------------------------------------------------------- */

struct ask {
    json_t *versions;                         /* object of artifact name → version, or NULL when absent; owned */
    char versions_fault[MESSAGE_REASON_SIZE]; /* why the versions were dropped; "": they were not */
    char nonce[TC_ID_SIZE];   /* as id_is_valid; the signed answer repeats it. "": an older agent sent none */
    int64_t recalled;         /* the last `recall` that the device has answered; 0: none */
    size_t key_count;         /* 0: an older agent, which learns no keys */
    char (*keys)[TC_ID_SIZE]; /* IDs of the keys that the device trusts, in ascending order; owned after decode */
};

enum tc_error ask_decode(const void *bytes, size_t length, struct ask *ask, struct tc_fault *fault);
void ask_encode(const struct ask *ask, struct buffer *out);
void ask_free(struct ask *ask);

/* ---- report: device → orchestrator ---------------------------------------------------------- */

enum report_state {
    REPORT_RECEIVED,
    REPORT_DEFERRED, /* the device asks to be started later: for example, a customer is at the machine */
    REPORT_INSTALLING,
    REPORT_COMPLETED,
    REPORT_FAILED,
    REPORT_REJECTED, /* the device refuses this instruction, and says why */
};

/* Codes of reports that the orchestrator acts upon: CODE_OUT_OF_SERVICE is "out_of_service". */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines a name */
#define DEVICE_CODE(constant, name) extern const char constant[];
#include "topics/vocabulary.def"

const char *report_state_name(enum report_state state);
bool report_state_parse(const char *name, enum report_state *state);
/* True for the states after which an attempt does nothing more: all but received and installing. */
bool report_state_is_final(enum report_state state);

struct report {
    int64_t instruction; /* ≥ 1 */
    int32_t attempt;     /* 1 to ATTEMPTS_MAX */
    int32_t sequence;    /* ≥ 1; grows by one per report of that (instruction, attempt) */
    enum report_state state;
    int32_t progress; /* percent, 0 to 100; -1 when absent */
    bool confirm;     /* the device wants a confirm for this one, too */
    char code[REPORT_CODE_MAX + 1];
    char detail[REPORT_DETAIL_MAX + 1];
    json_t *versions;                         /* owned; NULL when absent */
    char versions_fault[MESSAGE_REASON_SIZE]; /* why the versions were dropped; "": they were not */
    int64_t at_ms;                            /* the device's own clock; 0 when absent */
};

/* A report refused for a field after its sequence keeps instruction, attempt and sequence, so that its device gets an
 * answer; sequence is 0 when these are unknown. */
enum tc_error report_decode(const void *bytes, size_t length, struct report *report, struct tc_fault *fault);
void report_encode(const struct report *report, struct buffer *out);
void report_free(struct report *report);

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
    bool accepted;                    /* committed, or a later report is committed already */
    char reason[MESSAGE_REASON_SIZE]; /* why not; empty when accepted */
};

enum tc_error confirm_decode(const void *bytes, size_t length, struct confirm *confirm, struct tc_fault *fault);
void confirm_encode(const struct confirm *confirm, struct buffer *out);

/* ---- watch: orchestrator → its successor ----------------------------------------------------- */

/* The mark of a watch of presence: one connection that receives all of it. */
struct watch_mark {
    char watch[TC_ID_SIZE]; /* random: of this connection alone */
    int64_t step;           /* 1: it has connected; 2: it has subscribed */
    bool ended;             /* the will, and its last message */
};

enum tc_error watch_mark_decode(const void *bytes, size_t length, struct watch_mark *mark, struct tc_fault *fault);
void watch_mark_encode(const struct watch_mark *mark, struct buffer *out);

/* ---- presence: device → all ----------------------------------------------------------------- */

enum device_role {
#define DEVICE_ROLE(constant, name) constant,
#include "topics/vocabulary.def"
};

const char *device_role_name(enum device_role role); /* "node", "atm", "pull" */
bool device_role_parse(const char *name, enum device_role *role);

struct presence {
    bool online;
    enum device_role role;
    char branch[TC_ID_SIZE]; /* empty for a pull client */
    char agent[TC_ID_SIZE];  /* the agent's own version */
    int64_t held_until_ms;   /* a technician holds the device until then; 0: none does, or an older agent */
    char held_reason[HELD_REASON_MAX + 1];
};

enum tc_error presence_decode(const void *bytes, size_t length, struct presence *presence, struct tc_fault *fault);
void presence_encode(const struct presence *presence, struct buffer *out);

/* ---- directory: orchestrator → the broker's guard ------------------------------------------- */

/* The table of devices goes to the guard as a whole, in several messages, and then in changes. `generation` names one
 * sender's series of messages, and `sequence` grows by one in it, so that a lost message is noticed. */
enum directory_part {
    DIRECTORY_CHANGE, /* devices that are new or have changed */
    DIRECTORY_BEGINS, /* the first message of a whole table: a new series */
    DIRECTORY_CONTINUES,
    DIRECTORY_ENDS,  /* the last message of a whole table: from now on it is in force */
    DIRECTORY_WHOLE, /* the first and the last */
};

struct directory_entry {
    char id[TC_ID_SIZE];
    char branch[TC_ID_SIZE]; /* empty: a pull client without a branch */
    enum device_role role;
    bool retired;
    int64_t revoked_s; /* when its certificates were last revoked, see topics/revocation.h; 0: never */
};

#define CERTIFICATE_SERIAL_MAX 40 /* hexadecimal digits: 20 bytes (RFC 5280) */

struct directory_message {
    char generation[TC_ID_SIZE];
    int64_t sequence; /* ≥ 1 */
    enum directory_part part;
    struct directory_entry *entries; /* owned after decode, as are the serials */
    size_t entry_count;
    char (*revoked)[CERTIFICATE_SERIAL_MAX + 1]; /* serials of revoked certificates, in lower case */
    size_t revoked_count;
};

enum tc_error directory_decode(const void *bytes, size_t length, struct directory_message *message,
                               struct tc_fault *fault);
void directory_free(struct directory_message *message);

/* Writes a message piece by piece: begin; entries; revoked serials; end. A piece needs at most DIRECTORY_PIECE_MAX
 * bytes.
 */
#define DIRECTORY_PIECE_MAX 256
struct directory_writer {
    struct buffer *out;
    size_t entries, serials; /* written */
};
void directory_write_begin(struct directory_writer *writer, struct buffer *out, const char *generation,
                           int64_t sequence, enum directory_part part);
void directory_write_entry(struct directory_writer *writer, const struct directory_entry *entry);
/* After the entries. */
void directory_write_revoked(struct directory_writer *writer, const char *serial);
void directory_write_end(struct directory_writer *writer);
/* True when the message has space for one more piece, and its end. */
bool directory_writer_has_space(const struct directory_writer *writer);

/* ---- guard: the broker's guard → orchestrators and operators, retained ---------------------- */

/* What an orchestrator needs of it; the rest is counters, for people. */
struct guard_status {
    bool enforces;                   /* false: it only reports what it would refuse */
    char generation[TC_ID_SIZE];     /* of the table in force, or being received; empty: it has none */
    int64_t sequence;                /* of the last message that it took */
    int64_t devices;                 /* in the table in force */
    char fault[MESSAGE_REASON_SIZE]; /* why it did not take the last message; empty: it did */
};

enum tc_error guard_status_decode(const void *bytes, size_t length, struct guard_status *status,
                                  struct tc_fault *fault);

#endif
