#include "clients/agent/enrolment/pair.h"

#include "base/file.h"
#include "pki/certificate.h"
#include "pki/key.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CERTIFICATE_MODE = 0644 };

static char *join(const char *path, const char *suffix)
{
    struct buffer joined = {0};
    buffer_format(&joined, "%s%s", path, suffix);
    return joined.bytes;
}

void pair_open(struct pair *pair, const char *certificate_file, const char *key_file)
{
    *pair = (struct pair){
        .certificate = join(certificate_file, ""),
        .key = join(key_file, ""),
        .next_certificate = join(certificate_file, ".next"),
        .next_key = join(key_file, ".next"),
    };
}

void pair_close(struct pair *pair)
{
    free(pair->certificate);
    free(pair->key);
    free(pair->next_certificate);
    free(pair->next_key);
}

static enum tc_error move(const char *from, const char *to, struct tc_fault *fault)
{
    if (rename(from, to) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "%s: cannot rename it to %s: %s", from, to,
                            strerror(errno));
    return file_sync_folder_of(to, fault);
}

/* Whether the key of this file is that of the certificate. */
static bool is_key_of(const char *key_file, const X509 *certificate)
{
    char wanted[PKI_KEY_DIGEST_SIZE], found[PKI_KEY_DIGEST_SIZE];
    EVP_PKEY *key;
    struct tc_fault fault;
    if (pki_key_open(key_file, &key, &fault) != TC_OK)
        return false;
    pki_key_digest(pki_certificate_key(certificate), wanted);
    pki_key_digest(key, found);
    pki_key_free(key);
    return strcmp(wanted, found) == 0;
}

enum tc_error pair_recover(const struct pair *pair, struct tc_fault *fault)
{
    X509 *certificate = NULL;
    struct tc_fault ignored;
    if (access(pair->next_certificate, F_OK) != 0)
        return TC_OK;
    bool is_read = pki_certificate_open(pair->next_certificate, &certificate, &ignored) == TC_OK;
    bool needs_key = is_read && is_key_of(pair->next_key, certificate);
    bool has_key = is_read && (needs_key || is_key_of(pair->key, certificate));
    enum tc_error error = TC_OK;
    if (needs_key)
        error = move(pair->next_key, pair->key, fault);
    if (error == TC_OK && has_key)
        error = move(pair->next_certificate, pair->certificate, fault);
    if (!has_key)
        (void)unlink(pair->next_certificate);
    if (is_read)
        pki_certificate_free(certificate);
    return error;
}

enum tc_error pair_next_key(const struct pair *pair, EVP_PKEY **key, struct tc_fault *fault)
{
    enum tc_error error = pki_key_open(pair->next_key, key, fault);
    if (error == TC_INVALID && unlink(pair->next_key) == 0)
        error = TC_NOT_FOUND; /* its writing was interrupted */
    return error == TC_NOT_FOUND ? pki_key_create(pair->next_key, key, fault) : error;
}

enum tc_error pair_replace(const struct pair *pair, const struct buffer *certificate, struct tc_fault *fault)
{
    enum tc_error error =
        file_replace(pair->next_certificate, certificate->bytes, certificate->length, CERTIFICATE_MODE, fault);
    if (error == TC_OK)
        error = move(pair->next_key, pair->key, fault);
    return error == TC_OK ? move(pair->next_certificate, pair->certificate, fault) : error;
}
