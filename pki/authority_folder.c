#include "pki/authority_folder.h"

#include "base/file.h"
#include "pki/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0755, PUBLIC_MODE = 0644 };

enum tc_error folder_path(const char *folder, const char *file, char path[static PATH_MAX], struct tc_fault *fault)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, file);
    if (length < 0 || length >= PATH_MAX)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", folder);
    return TC_OK;
}

int folder_lock(const char *folder, struct tc_fault *fault)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0 && flock(file, LOCK_EX) == 0)
        return file;
    (void)tc_fault_set(fault, error_from_errno(errno), "%s: open the authority's folder: %s", folder, strerror(errno));
    if (file >= 0)
        (void)close(file);
    return -1;
}

static enum tc_error make_folder(const char *folder, struct tc_fault *fault)
{
    if (mkdir(folder, FOLDER_MODE) == 0)
        return file_sync_folder_of(folder, fault);
    return tc_fault_set(fault, errno == EEXIST ? TC_CONFLICT : error_from_errno(errno),
                        "%s: make the authority's folder: %s", folder, strerror(errno));
}

static enum tc_error write_public(const char *folder, const char *file, const struct buffer *pem,
                                  struct tc_fault *fault)
{
    char path[PATH_MAX];
    enum tc_error error = folder_path(folder, file, path, fault);
    return error == TC_OK ? file_replace(path, pem->bytes, pem->length, PUBLIC_MODE, fault) : error;
}

enum tc_error folder_make(const char *folder, enum pki_authority_kind kind, const char *organization, unsigned number,
                          const struct pki_issuer *signer, const struct pki_validity *validity,
                          struct pki_issuer *issuer, struct tc_fault *fault)
{
    static const char *const titles[PKI_AUTHORITY_COUNT] = {
        [PKI_ROOT] = "Root CA",
        [PKI_OPERATIONS] = "Operations CA",
        [PKI_DEVICES] = "Device CA",
    };
    char path[PATH_MAX], name[64];
    *issuer = (struct pki_issuer){0};
    (void)snprintf(name, sizeof name, "%s %u", titles[kind], number);
    enum tc_error error = folder_path(folder, "key.pem", path, fault);
    if (error == TC_OK)
        error = make_folder(folder, fault);
    if (error == TC_OK)
        error = pki_key_create(path, &issuer->key, fault);
    if (error == TC_OK)
        error =
            pki_issuer_certify(kind, organization, name, signer, validity, issuer->key, &issuer->certificate, fault);
    if (error == TC_OK) {
        const X509 *alone = issuer->certificate;
        error = folder_write_certificates(folder, &alone, 1, fault);
    }
    if (error != TC_OK)
        pki_issuer_close(issuer);
    return error;
}

enum tc_error folder_write_certificates(const char *folder, const X509 *const *certificates, size_t count,
                                        struct tc_fault *fault)
{
    struct buffer pem = {0};
    for (size_t i = 0; i < count; i++)
        pki_certificate_put(certificates[i], &pem);
    enum tc_error error = write_public(folder, "cert.pem", &pem, fault);
    buffer_free(&pem);
    return error;
}

enum tc_error folder_write_trust(const char *folder, enum pki_authority_kind kind, const X509 *const *certificates,
                                 size_t count, struct tc_fault *fault)
{
    unsigned trust = kind == PKI_DEVICES ? PKI_TRUST_CLIENTS : PKI_TRUST_CLIENTS | PKI_TRUST_SERVERS;
    struct buffer pem = {0};
    for (size_t i = 0; i < count; i++)
        pki_certificate_put_trusted(certificates[i], trust, &pem);
    enum tc_error error = write_public(folder, "trust.pem", &pem, fault);
    buffer_free(&pem);
    return error;
}
