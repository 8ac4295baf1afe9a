/* Keys: JWKs of Ed25519 (RFC 7517, RFC 8037 section 2). Private to topics/ and its tests. */
#ifndef TELLERCAST_TOPICS_TOKEN_KEY_H
#define TELLERCAST_TOPICS_TOKEN_KEY_H

#include "topics/fields.h"
#include "topics/token.h"

enum { KEY_FILE_MAX = 65536, PUBLIC_KEY_SIZE = 32, SIGNATURE_SIZE = 64 };

struct public_key {
    char id[TC_ID_SIZE]; /* `kid`; the thumbprint of RFC 7638 when the document gives none */
    unsigned char bytes[PUBLIC_KEY_SIZE];
};

/* Before anything that touches a key. May be called again and again. */
void token_start_sodium(void);

/* Reads the public members of a JWK. */
void public_key_read(struct fields *fields, struct public_key *key);

void public_key_write(const struct public_key *key, struct public_key_text *text);

/* Reads a private JWK. TC_INVALID for anything but an Ed25519 key whose halves belong together. */
enum tc_error signing_key_parse(const char *document, size_t length, struct signing_key **key, struct tc_fault *fault);

/* Appends the header "{"alg":"EdDSA","kid":"…","typ":"…"}" in base64url, and the point after it. */
#define TOKEN_TYPE_INSTRUCTION "JWT"
void token_header_put(const char *key_id, const char *type, struct buffer *header);
/* That of instructions: "{"alg":"EdDSA","kid":"…","typ":"JWT"}" in base64url, and the point after it. */
const char *signing_key_header(const struct signing_key *key);
void signing_key_sign(const struct signing_key *key, const void *bytes, size_t length,
                      unsigned char signature[static SIGNATURE_SIZE]);

/* TC_DENIED when the key is not among them, or the signature is not its own. */
enum tc_error trusted_keys_verify(const struct trusted_keys *keys, const char *key_id, const void *bytes, size_t length,
                                  const unsigned char signature[static SIGNATURE_SIZE], struct tc_fault *fault);

#endif
