/* The nonces of this device's asks. A signed answer that repeats one was signed after the ask: it is no replay. One
 * thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_NONCES_H
#define TELLERCAST_CLIENTS_AGENT_NONCES_H

#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Asks whose answers may be under way at the same time; an older one's nonce is forgotten. */
#define NONCES_MAX 4
/* Maximum age of an answer. The device's clock can be wrong by this much, no more. */
#define NONCE_LIFETIME_MS 60000

struct nonce {
    char text[TC_ID_SIZE]; /* "": none */
    int64_t asked_ms;
};

struct nonces {
    struct nonce asked[NONCES_MAX];
    size_t next; /* the place of the next one */
};

/* Makes the nonce of an ask that is made now: 128 random bits, as text. */
void nonces_make(struct nonces *nonces, int64_t now_ms, char nonce[static TC_ID_SIZE]);

/* The same for a nonce that was made elsewhere. */
void nonces_add(struct nonces *nonces, int64_t now_ms, const char *nonce);

/* True when it is the nonce of an ask whose answer may arrive now, and how long ago that ask was made. The nonce is
 * used up. */
bool nonces_take(struct nonces *nonces, const char *nonce, int64_t now_ms, int64_t *age_ms);

/* No answer to an earlier ask can come any more. */
void nonces_forget(struct nonces *nonces);

#endif
