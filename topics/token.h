/* Signed instructions: compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037), so that any JWT
 * library can check them. Keys are JWKs (RFC 7517, RFC 8037 section 2). Any thread. */
#ifndef TELLERCAST_TOPICS_TOKEN_H
#define TELLERCAST_TOPICS_TOKEN_H

#include "base/buffer.h"
#include "base/fault.h"
#include "base/id.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_SIZE_MAX 65536
/* The longest order (instruction_order_encode) whose token still is a message of the wire. */
#define INSTRUCTION_ORDER_MAX 48000
#define ARTIFACT_URL_MAX 2048
#define SHA256_HEX_SIZE 65

/* What a device does. An action is a row in a table here and an executable at the device. */
enum action { ACTION_INSTALL, ACTION_ROLLBACK, ACTION_CONFIGURE, ACTION_COLLECT, ACTION_RUN };

const char *action_name(enum action action);
bool action_parse(const char *name, enum action *action);
/* True when the action needs an artifact (install). */
bool action_needs_artifact(enum action action);

/* What is to be downloaded (install) has all of it; for the other actions an artifact may be only
 * named: then version and url may be empty, and with an empty url size and sha256 are not said. */
struct artifact_claim {
    char name[TC_ID_SIZE];
    char version[TC_ID_SIZE];
    char url[ARTIFACT_URL_MAX + 1];
    char sha256[SHA256_HEX_SIZE]; /* lower-case hex */
    int64_t size_bytes;
};

struct instruction_claims {
    char device[TC_ID_SIZE]; /* aud */
    int64_t instruction;
    int64_t rollout;
    int32_t attempt;
    int64_t epoch;          /* of the orchestrators' state; a device refuses a lower one than it has seen */
    int64_t issued_at_s;    /* iat, seconds */
    int64_t not_before_s;   /* nbf */
    int64_t expires_s;      /* exp */
    int64_t start_before_s; /* no effect may begin after this */
    enum action action;
    bool has_artifact;
    struct artifact_claim artifact;
    json_t *parameters; /* object, or NULL; owned after token_verify */
};

void instruction_claims_free(struct instruction_claims *claims);

/* Appends the order: the part of an instruction that is the same for every device of a rollout, as
 * compact JSON without braces, `"action":"install","artifact":{…},"parameters":{…}`. Made once per
 * rollout, so that signing an instruction for a device is only text joined and one signature. */
void instruction_order_encode(const struct instruction_claims *claims, struct buffer *order);

/* TC_OK when a device will be able to read an instruction with this order. Else TC_TOO_LARGE over
 * INSTRUCTION_ORDER_MAX, or TC_INVALID; a plan must be refused for it before it is persisted. */
enum tc_error instruction_order_check(const char *order, size_t length, struct tc_fault *fault);

/* A private signing key. */
struct signing_key;
/* Makes a new key and writes it as a private JWK, mode 0600. Refuses to replace a file. */
enum tc_error signing_key_create(const char *path, struct tc_fault *fault);
enum tc_error signing_key_open(const char *path, struct signing_key **key, struct tc_fault *fault);
void signing_key_close(struct signing_key *key);
const char *signing_key_id(const struct signing_key *key);
/* Its public half as a JWK Set document, to be given to devices. */
void signing_key_public_set(const struct signing_key *key, struct buffer *document);

/* Appends the signed token: header, `claims`' own fields, and `order` (what instruction_order_encode
 * gave for its rollout). claims->action, artifact and parameters are not looked at. */
void token_sign(const struct signing_key *key, const struct instruction_claims *claims, const char *order,
                struct buffer *token);

/* The public keys that a device trusts: a JWK Set. */
struct trusted_keys;
enum tc_error trusted_keys_open(const char *path, struct trusted_keys **keys, struct tc_fault *fault);
enum tc_error trusted_keys_parse(const char *document, size_t length, struct trusted_keys **keys,
                                 struct tc_fault *fault);
void trusted_keys_close(struct trusted_keys *keys);

/* Checks the form, `alg`, `kid`, `iss` and the signature, and reads the claims. It does not judge
 * times, the address or the epoch: that is the device's decision. TC_DENIED for a bad signature or an
 * unknown key, TC_INVALID for a wrong form. */
enum tc_error token_verify(const struct trusted_keys *keys, const void *token, size_t length,
                           struct instruction_claims *claims, struct tc_fault *fault);

#endif
