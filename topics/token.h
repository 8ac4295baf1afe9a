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
/* The longest content (instruction_content_encode) whose token still is a message of the wire. */
#define INSTRUCTION_CONTENT_MAX 48000
#define ARTIFACT_URL_MAX 2048
#define SHA256_HEX_SIZE 65

/* The work of an instruction. An action is a row in action.c and an executable on the device. */
enum action { ACTION_INSTALL, ACTION_ROLLBACK, ACTION_CONFIGURE, ACTION_COLLECT, ACTION_RUN };

const char *action_name(enum action action);
bool action_parse(const char *name, enum action *action);
/* True when the action needs an artifact (install). */
bool action_needs_artifact(enum action action);

/* The install action has all fields. Other actions may only name an artifact: version and url may be empty, and without
 * a url there is no size and sha256. */
struct payload_artifact {
    char name[TC_ID_SIZE];
    char version[TC_ID_SIZE];
    char url[ARTIFACT_URL_MAX + 1];
    char sha256[SHA256_HEX_SIZE]; /* lower-case hex */
    int64_t size_bytes;
};

/* `instruction` 0 is an answer to an ask that has no instruction for the device: only device, epoch, the three times,
 * nonce and recall count, and nonce must be there. */
struct instruction_payload {
    char device[TC_ID_SIZE]; /* aud */
    int64_t instruction;
    int64_t rollout;
    int32_t attempt;
    int64_t epoch;          /* of the orchestrators' state; a device refuses a lower one than it has seen */
    int64_t issued_at_s;    /* iat, seconds */
    int64_t not_before_s;   /* nbf */
    int64_t expires_s;      /* exp */
    int64_t start_before_s; /* no effect may begin after this */
    bool out_of_service; /* the device is out of service: a rollback calls the installer with any installed version */
    char nonce[TC_ID_SIZE]; /* of the ask that this answers; "": an older agent asked, or no ask was made */
    int64_t recall;         /* a request to report past work, once for each value; 0: no such request */
    int64_t recall_since_s; /* attempts that ended earlier need no report; 0: report all */
    enum action action;
    bool has_artifact;
    struct payload_artifact artifact;
    json_t *parameters; /* object, or NULL; owned after token_verify */
};

void instruction_payload_free(struct instruction_payload *payload);

/* Appends the content: the part of an instruction that is the same for every device of a rollout, as
 * compact JSON without braces, `"action":"install","artifact":{…},"parameters":{…}`. Made once per
 * rollout, so that signing an instruction for a device is only text joined and one signature. */
void instruction_content_encode(const struct instruction_payload *payload, struct buffer *content);

/* TC_OK when a device will be able to read an instruction with this content. Else TC_TOO_LARGE over
 * INSTRUCTION_CONTENT_MAX, or TC_INVALID; a plan must be refused for it before it is persisted. */
enum tc_error instruction_content_check(const char *content, size_t length, struct tc_fault *fault);

/* A private signing key. */
struct signing_key;
/* Makes a new key and writes it as a private JWK, mode 0600. Refuses to replace a file. */
enum tc_error signing_key_create(const char *path, struct tc_fault *fault);
enum tc_error signing_key_open(const char *path, struct signing_key **key, struct tc_fault *fault);
void signing_key_close(struct signing_key *key);
const char *signing_key_id(const struct signing_key *key);
/* The public half of a key, as text. */
#define PUBLIC_KEY_TEXT_SIZE 44
struct public_key_text {
    char id[TC_ID_SIZE];          /* `kid` */
    char x[PUBLIC_KEY_TEXT_SIZE]; /* `x` of the JWK: base64url of 32 bytes */
};
void signing_key_public(const struct signing_key *key, struct public_key_text *public);
/* Its public half as a JWK Set document, to be given to devices. */
void signing_key_public_set(const struct signing_key *key, struct buffer *document);

/* Appends the signed token: header, the fields of `payload`, and `content` (what instruction_content_encode
 * gave for its rollout; ignored without an instruction). payload->action, artifact and parameters are ignored. */
void token_sign(const struct signing_key *key, const struct instruction_payload *payload, const char *content,
                struct buffer *token);

/* Bytes of the token that token_sign would append. */
size_t token_size(const struct signing_key *key, const struct instruction_payload *payload, const char *content);

/* The public keys that a device trusts: a JWK Set. */
#define TRUSTED_KEYS_MAX 64
struct trusted_keys;
enum tc_error trusted_keys_open(const char *path, struct trusted_keys **keys, struct tc_fault *fault);
enum tc_error trusted_keys_parse(const char *document, size_t length, struct trusted_keys **keys,
                                 struct tc_fault *fault);
void trusted_keys_close(struct trusted_keys *keys);

/* The keys one by one, from 0 to count - 1. */
size_t trusted_keys_count(const struct trusted_keys *keys);
void trusted_keys_at(const struct trusted_keys *keys, size_t index, struct public_key_text *key);
bool trusted_keys_have(const struct trusted_keys *keys, const char *key_id);
/* A set without keys; it trusts nothing. */
struct trusted_keys *trusted_keys_create(void);
void trusted_keys_clear(struct trusted_keys *keys);
/* Adds a key, or replaces the one with its ID. TC_INVALID: no Ed25519 key. TC_TOO_LARGE: the set is full. */
enum tc_error trusted_keys_add(struct trusted_keys *keys, const struct public_key_text *key, struct tc_fault *fault);

/* Checks the form, `alg`, `kid`, `iss` and the signature, and reads the claims. It does not check times, the address or
 * the epoch: verify.h of the agent does. TC_DENIED for a bad signature or an unknown key, TC_INVALID for a wrong form.
 */
enum tc_error token_verify(const struct trusted_keys *keys, const void *token, size_t length,
                           struct instruction_payload *payload, struct tc_fault *fault);

#endif
