/* Compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037): the form of every signed message. Private to topics/. */
#ifndef TELLERCAST_TOPICS_JWS_H
#define TELLERCAST_TOPICS_JWS_H

#include "topics/token.h"

/* `typ` of a key set; that of an instruction is TOKEN_TYPE_INSTRUCTION. */
#define JWS_TYPE_KEY_SET "tellercast-keys+jwt"
#define JWS_TYPE_SIZE 32

struct jws {
    char key_id[TC_ID_SIZE];
    char type[JWS_TYPE_SIZE]; /* "": none */
    struct buffer payload;    /* decoded */
};

/* Appends the token: `header`, which is encoded and ends with its point, `payload` and the signature. */
void jws_sign(const struct signing_key *key, const char *header, const struct buffer *payload, struct buffer *token);

/* Checks the form, `alg`, `kid` and the signature. TC_DENIED for a bad signature or an unknown key, TC_INVALID for a
 * wrong form, TC_TOO_LARGE. Call jws_free in any case. */
enum tc_error jws_open(const struct trusted_keys *keys, const void *token, size_t length, struct jws *jws,
                       struct tc_fault *fault);
void jws_free(struct jws *jws);

/* Reads `typ` of a token that nothing has proven yet; "" when it has none or is no token. */
void jws_read_type(const void *token, size_t length, char type[static JWS_TYPE_SIZE]);

#endif
