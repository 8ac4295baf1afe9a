/* The files of a device's certificate and key, which are replaced together.
 *
 * A new key waits in `<key file>.next` until its certificate has come, also over restarts: the same code works again
 * for the same key. Then the certificate is written to `<certificate file>.next`, and the key and the certificate are
 * renamed, in this order. After a crash in between, pair_recover does the rest. Private to the enrolment; one thread.
 */
#ifndef TELLERCAST_CLIENTS_AGENT_ENROLMENT_PAIR_H
#define TELLERCAST_CLIENTS_AGENT_ENROLMENT_PAIR_H

#include "base/buffer.h"
#include "base/fault.h"

#include <openssl/types.h>

struct pair {
    char *certificate, *key, *next_certificate, *next_key; /* paths */
};

void pair_open(struct pair *pair, const char *certificate_file, const char *key_file);
void pair_close(struct pair *pair);

/* Completes a replacement that was interrupted, or removes a certificate that has no key. */
enum tc_error pair_recover(const struct pair *pair, struct tc_fault *fault);

/* Opens the key that waits, or makes one; the caller frees it with pki_key_free. */
enum tc_error pair_next_key(const struct pair *pair, EVP_PKEY **key, struct tc_fault *fault);

/* Replaces the files by the key that waits and its certificate. After an error the old files are in place, or
 * pair_recover completes. */
enum tc_error pair_replace(const struct pair *pair, const struct buffer *certificate, struct tc_fault *fault);

#endif
