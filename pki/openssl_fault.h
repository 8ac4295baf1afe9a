/* Private to pki/: faults of OpenSSL. */
#ifndef TELLERCAST_PKI_OPENSSL_FAULT_H
#define TELLERCAST_PKI_OPENSSL_FAULT_H

#include "base/buffer.h"
#include "base/fault.h"

#include <openssl/types.h>
#include <stdbool.h>

/* Fills `fault` with "what: OpenSSL's reason", empties OpenSSL's queue of errors and returns `code`. */
enum tc_error openssl_fault(struct tc_fault *fault, enum tc_error code, const char *what);

/* Appends all bytes of a memory BIO and frees it. */
void openssl_take_memory(BIO *memory, struct buffer *out);

/* A memory BIO; never NULL. openssl_read_memory only reads, and the bytes must stay. */
BIO *openssl_write_memory(void);
BIO *openssl_read_memory(const void *bytes, size_t length);

#endif
