#include "pki/key.h"

#include "base/file.h"
#include "pki/openssl_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 16384, KEY_FILE_MODE = 0600 };

enum tc_error pki_key_make(EVP_PKEY **key, struct tc_fault *fault)
{
    *key = EVP_EC_gen("P-256");
    return *key == NULL ? openssl_fault(fault, TC_INTERNAL, "make a key") : TC_OK;
}

static enum tc_error write_new_file(const char *path, const struct buffer *pem, struct tc_fault *fault)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, KEY_FILE_MODE);
    if (file < 0)
        return tc_fault_set(fault, errno == EEXIST ? TC_CONFLICT : error_from_errno(errno),
                            "%s: cannot create the file of the new key: %s", path, strerror(errno));
    enum tc_error error = file_write_all(file, pem->bytes, pem->length, fault);
    if (error == TC_OK && (fchmod(file, KEY_FILE_MODE) != 0 || fsync(file) != 0))
        error = tc_fault_set(fault, error_from_errno(errno), "write: %s", strerror(errno));
    (void)close(file);
    if (error == TC_OK)
        return file_sync_folder_of(path, fault);
    (void)unlink(path);
    (void)tc_fault_context(fault, "%s", path);
    return error;
}

enum tc_error pki_key_save(const EVP_PKEY *key, const char *path, struct tc_fault *fault)
{
    struct buffer pem = {0};
    BIO *memory = openssl_write_memory();
    bool written = PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1;
    openssl_take_memory(memory, &pem);
    enum tc_error error =
        written ? write_new_file(path, &pem, fault) : openssl_fault(fault, TC_INTERNAL, "write a key");
    if (pem.bytes != NULL)
        explicit_bzero(pem.bytes, pem.capacity);
    buffer_free(&pem);
    return error;
}

enum tc_error pki_key_create(const char *path, EVP_PKEY **key, struct tc_fault *fault)
{
    enum tc_error error = pki_key_make(key, fault);
    if (error == TC_OK)
        error = pki_key_save(*key, path, fault);
    if (error != TC_OK) {
        pki_key_free(*key);
        *key = NULL;
    }
    return error;
}

/* Refuses an encrypted key instead of asking the terminal for its password. */
static int no_password(char *text, int size, int writing, void *context)
{
    (void)text, (void)size, (void)writing, (void)context;
    return -1;
}

enum tc_error pki_key_open(const char *path, EVP_PKEY **key, struct tc_fault *fault)
{
    struct buffer pem = {0};
    *key = NULL;
    enum tc_error error = file_read_private(path, KEY_FILE_MAX, &pem, fault);
    if (error == TC_OK) {
        BIO *memory = openssl_read_memory(buffer_text(&pem), pem.length);
        *key = PEM_read_bio_PrivateKey(memory, NULL, no_password, NULL);
        BIO_free(memory);
        error = *key == NULL ? openssl_fault(fault, TC_INVALID, "expected a private key in PEM, without a password")
                             : pki_key_check(*key, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    if (error != TC_OK) {
        pki_key_free(*key);
        *key = NULL;
    }
    if (pem.bytes != NULL)
        explicit_bzero(pem.bytes, pem.capacity);
    buffer_free(&pem);
    return error;
}

static bool is_allowed_curve(const EVP_PKEY *key)
{
    char name[32] = "";
    return EVP_PKEY_get_group_name(key, name, sizeof name, NULL) == 1 &&
           (strcmp(name, "prime256v1") == 0 || strcmp(name, "secp384r1") == 0);
}

enum tc_error pki_key_check(const EVP_PKEY *key, struct tc_fault *fault)
{
    enum { RSA_LEAST_BITS = 2048, RSA_MOST_BITS = 4096 };
    int bits = EVP_PKEY_get_bits(key);
    bool allowed = false;
    if (EVP_PKEY_is_a(key, "EC"))
        allowed = is_allowed_curve(key);
    else if (EVP_PKEY_is_a(key, "RSA"))
        allowed = bits >= RSA_LEAST_BITS && bits <= RSA_MOST_BITS;
    else
        allowed = EVP_PKEY_is_a(key, "ED25519");
    if (allowed)
        return TC_OK;
    const char *type = EVP_PKEY_get0_type_name(key);
    return tc_fault_set(
        fault, TC_INVALID,
        "found a key of type %s with %d bits, allowed: EC P-256 or P-384, Ed25519, RSA of %d to %d bits",
        type == NULL ? "unknown" : type, bits, RSA_LEAST_BITS, RSA_MOST_BITS);
}

void pki_key_digest(const EVP_PKEY *key, char digest[static PKI_KEY_DIGEST_SIZE])
{
    unsigned char *der = NULL, hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    int der_length = i2d_PUBKEY(key, &der);
    TC_CHECK(der_length > 0 && EVP_Digest(der, (size_t)der_length, hash, &length, EVP_sha256(), NULL) == 1);
    OPENSSL_free(der);
    for (unsigned i = 0; i < length; i++)
        (void)snprintf(digest + (size_t)2 * i, 3, "%02x", hash[i]);
}

void pki_key_free(EVP_PKEY *key)
{
    EVP_PKEY_free(key);
}
