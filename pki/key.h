/* Private keys: EC P-256, in PEM files that only their owner can read. Any thread. */
#ifndef TELLERCAST_PKI_KEY_H
#define TELLERCAST_PKI_KEY_H

#include "base/buffer.h"
#include "base/fault.h"

#include <openssl/types.h>

/* Makes a key in memory; the caller frees it with pki_key_free. TC_INTERNAL. */
enum tc_error pki_key_make(EVP_PKEY **key, struct tc_fault *fault);

/* Makes a key and writes it to a new file, mode 0600. TC_CONFLICT when the file exists, also as a symbolic link: it is
 * not touched. The other errors are those of a file. The caller frees the key. */
enum tc_error pki_key_create(const char *path, EVP_PKEY **key, struct tc_fault *fault);

/* Writes the key to a new file as pki_key_create does. */
enum tc_error pki_key_save(const EVP_PKEY *key, const char *path, struct tc_fault *fault);

/* Reads a key without a password. TC_DENIED when others than the owner may read or write the file; TC_INVALID when it
 * is not a key, or one that pki_key_check refuses. The caller frees the key. */
enum tc_error pki_key_open(const char *path, EVP_PKEY **key, struct tc_fault *fault);

/* Allowed for a certificate: EC P-256 and P-384, Ed25519, RSA of 2048 to 4096 bits. TC_INVALID for the others. */
enum tc_error pki_key_check(const EVP_PKEY *key, struct tc_fault *fault);

/* The SHA-256 of the public half (SubjectPublicKeyInfo), as 64 hexadecimal digits and a NUL. */
#define PKI_KEY_DIGEST_SIZE 65
void pki_key_digest(const EVP_PKEY *key, char digest[static PKI_KEY_DIGEST_SIZE]);

/* NULL is allowed. */
void pki_key_free(EVP_PKEY *key);

#endif
