/* Enrolment: the one-time codes of devices, and the certificates that orchestrators issue to them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ENROLMENT_H
#define TELLERCAST_ORCHESTRATOR_STORE_ENROLMENT_H

#include "base/buffer.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* SHA-256 as 64 hexadecimal digits, and a NUL. */
#define ENROLMENT_HASH_SIZE 65
/* A serial number as upper-case hexadecimal digits, and a NUL. */
#define ENROLMENT_SERIAL_SIZE 41

/* Whether a device may have a certificate. */
enum enrolment_standing {
    ENROLMENT_GOOD,
    ENROLMENT_UNKNOWN_DEVICE,
    ENROLMENT_UNKNOWN_CODE, /* another code, also one that was replaced */
    ENROLMENT_USED_CODE,    /* for another key */
    ENROLMENT_EXPIRED_CODE,
    ENROLMENT_REVOKED,  /* the certificate that it shows */
    ENROLMENT_TOO_MANY, /* ENROLMENT_LIVE_MAX of its certificates are valid */
    ENROLMENT_STANDING_COUNT,
};

/* A device with this many valid certificates gets another one only by a code. */
enum { ENROLMENT_LIVE_MAX = 20 };

/* "used_code", for logs. */
const char *enrolment_standing_name(enum enrolment_standing standing);

/* What a device shows: a code, or (`code_hash` NULL) a certificate. */
struct enrolment_claim {
    const char *device;
    const char *code_hash, *key_hash; /* of the public key in the request; key_hash "": not known yet */
    const char *serial;
    int64_t not_before_ms;
};

/* Reads the database's time. */
enum tc_error enrolment_read_now(struct store *store, int64_t *now_ms, struct tc_fault *fault);

struct enrolment_answer {
    enum enrolment_standing standing;
    int64_t now_ms;    /* the database's time */
    int64_t revoked_s; /* when the device's certificates were last revoked, see topics/revocation.h; 0: never */
};

/* Checks a claim. */
enum tc_error enrolment_check(struct store *store, const struct enrolment_claim *claim, struct enrolment_answer *answer,
                              struct tc_fault *fault);

/* Records an issued certificate, after it has checked the claim again, in the same transaction. Nothing is recorded
 * unless the standing is ENROLMENT_GOOD. A code is used then. */
enum tc_error enrolment_record(struct store *store, const struct enrolment_claim *claim, const char *serial,
                               int64_t not_after_ms, enum enrolment_standing *standing, struct tc_fault *fault);

/* Who acts on a device, and where it may: NULL: everywhere. */
struct enrolment_actor {
    const char *name;
    const struct access_scope *scope;
};

/* Gives a device a code for `valid_s` seconds, and voids the one before; `expires_at` in RFC 3339. TC_NOT_FOUND and
 * TC_DENIED, as operate_return_device. */
enum tc_error enrolment_give_code(struct store *store, const char *device, const char *code_hash, int64_t valid_s,
                                  const struct enrolment_actor *actor, char expires_at[static 32],
                                  struct refusal *refusal, struct tc_fault *fault);

/* Revokes all certificates of a device, also those that the database does not know (topics/revocation.h), and voids
 * its code. Appends a JSON document with the serial numbers of those that it knows.
 * TC_NOT_FOUND and TC_DENIED, as operate_return_device. */
enum tc_error enrolment_revoke(struct store *store, const char *device, const struct enrolment_actor *actor,
                               const char *reason, struct buffer *document, struct refusal *refusal,
                               struct tc_fault *fault);

struct enrolment_revoked {
    char serial[ENROLMENT_SERIAL_SIZE];
    int64_t revoked_at_ms;
};

/* Reads all revoked certificates that have not expired; the caller frees `*revoked`. `now_ms` is the database's time
 * before. */
enum tc_error enrolment_read_revoked(struct store *store, struct enrolment_revoked **revoked, size_t *count,
                                     int64_t *now_ms, struct tc_fault *fault);

#endif
