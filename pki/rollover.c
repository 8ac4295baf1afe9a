#include "base/file.h"
#include "pki/authority.h"
#include "pki/authority_folder.h"
#include "pki/profile.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

bool pki_authority_has_previous(const char *folder)
{
    char path[PATH_MAX];
    return folder_path(folder, FOLDER_PREVIOUS, path, NULL) == TC_OK && exists(path);
}

static enum tc_error move(const char *from, const char *to, struct tc_fault *fault)
{
    if (rename(from, to) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "%s: rename to %s: %s", from, to, strerror(errno));
    return file_sync_folder_of(to, fault);
}

/* "Device CA 1" has the number 1. */
static unsigned number_of(const X509 *certificate)
{
    enum { DECIMAL = 10 };
    char name[128] = "";
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    const char *space = strrchr(name, ' ');
    return space == NULL ? 0 : (unsigned)strtoul(space + 1, NULL, DECIMAL);
}

/* Makes the new authority in a folder beside the old one. */
static enum tc_error make_next(const char *next, const X509 *old, const struct pki_issuer *root,
                               const struct pki_validity *validity, struct tc_fault *fault)
{
    char organization[256] = "";
    enum pki_authority_kind kind;
    struct pki_issuer issuer = {0};
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(old), NID_organizationName, organization,
                                    sizeof organization);
    enum tc_error error = profile_authority_kind(old, &kind, fault);
    if (error == TC_OK && kind == PKI_ROOT)
        error = tc_fault_set(fault, TC_INVALID, "the root has no rollover of its own; make a new installation");
    if (error == TC_OK && !pki_certificate_is_issued_by(old, root->certificate))
        error = tc_fault_set(fault, TC_INVALID, "the authority belongs to another root");
    if (error == TC_OK)
        error = folder_make(next, kind, organization, number_of(old) + 1, root, validity, &issuer, fault);
    if (error == TC_OK) {
        const X509 *both[] = {issuer.certificate, old};
        error = folder_write_trust(next, kind, both, sizeof both / sizeof *both, fault);
        if (error == TC_OK)
            error = folder_write_certificates(next, both, sizeof both / sizeof *both, fault);
    }
    pki_issuer_close(&issuer);
    return error;
}

/* Puts the old folder into the new one, and the new one in its place. A crash between the two is mended by the next
 * call. */
static enum tc_error swap(const char *folder, const char *next, struct tc_fault *fault)
{
    char previous[PATH_MAX];
    enum tc_error error = folder_path(next, FOLDER_PREVIOUS, previous, fault);
    if (error == TC_OK && exists(folder))
        error = move(folder, previous, fault);
    return error == TC_OK ? move(next, folder, fault) : error;
}

enum tc_error pki_authority_roll_over(const char *folder, const struct pki_issuer *root,
                                      const struct pki_validity *validity, struct tc_fault *fault)
{
    char next[PATH_MAX], certificate[PATH_MAX];
    int length = snprintf(next, sizeof next, "%s.next", folder);
    if (length < 0 || (size_t)length >= sizeof next)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", folder);
    if (!exists(folder) && exists(next))
        return swap(folder, next, fault);
    struct tc_fault own;
    int lock = folder_lock(folder, &own);
    if (lock < 0)
        return tc_fault_set(fault, own.code, "%s", own.text);
    X509 *old = NULL;
    enum tc_error error = folder_path(folder, "cert.pem", certificate, fault);
    if (error == TC_OK)
        error = pki_certificate_open(certificate, &old, fault);
    if (error == TC_OK && pki_authority_has_previous(folder))
        error = tc_fault_set(fault, TC_CONFLICT, "%s: a rollover is going on; end it first", folder);
    if (error == TC_OK)
        error = make_next(next, old, root, validity, fault);
    if (error == TC_OK)
        error = swap(folder, next, fault);
    pki_certificate_free(old);
    (void)close(lock);
    return error;
}

static enum tc_error trust_alone(const char *folder, struct tc_fault *fault)
{
    char path[PATH_MAX];
    enum pki_authority_kind kind;
    X509 *certificate = NULL;
    enum tc_error error = folder_path(folder, "cert.pem", path, fault);
    if (error == TC_OK)
        error = pki_certificate_open(path, &certificate, fault);
    if (error == TC_OK)
        error = profile_authority_kind(certificate, &kind, fault);
    if (error == TC_OK) {
        const X509 *alone = certificate;
        error = folder_write_trust(folder, kind, &alone, 1, fault);
        if (error == TC_OK)
            error = folder_write_certificates(folder, &alone, 1, fault);
    }
    pki_certificate_free(certificate);
    return error;
}

/* Writes the path of `file` in the folder of a retired authority; "": that folder. */
static enum tc_error retired_path(const char *folder, unsigned number, const char *file, char path[static PATH_MAX],
                                  struct tc_fault *fault)
{
    char name[64];
    (void)snprintf(name, sizeof name, "retired-%u%s%s", number, *file == '\0' ? "" : "/", file);
    return folder_path(folder, name, path, fault);
}

/* retired-1 and so on, the first that is free. */
static enum tc_error retire_previous(const char *folder, struct tc_fault *fault)
{
    char previous[PATH_MAX], retired[PATH_MAX];
    enum tc_error error = folder_path(folder, FOLDER_PREVIOUS, previous, fault);
    unsigned number = 0;
    do {
        if (error == TC_OK)
            error = retired_path(folder, ++number, "", retired, fault);
    } while (error == TC_OK && exists(retired));
    return error == TC_OK ? move(previous, retired, fault) : error;
}

enum tc_error pki_authority_open_retired(const char *folder, struct pki_bundle *retired, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    *retired = (struct pki_bundle){0};
    for (unsigned number = 1; error == TC_OK && number <= PKI_BUNDLE_MAX; number++) {
        char path[PATH_MAX];
        error = retired_path(folder, number, "cert.pem", path, fault);
        if (error != TC_OK || !exists(path))
            continue;
        error = pki_certificate_open(path, &retired->items[retired->count], fault);
        retired->count += error == TC_OK;
    }
    if (error != TC_OK)
        pki_bundle_free(retired);
    return error;
}

enum tc_error pki_authority_end_rollover(const char *folder, struct tc_fault *fault)
{
    struct tc_fault own;
    int lock = folder_lock(folder, &own);
    if (lock < 0)
        return tc_fault_set(fault, own.code, "%s", own.text);
    enum tc_error error = TC_OK;
    if (!pki_authority_has_previous(folder))
        error = tc_fault_set(fault, TC_NOT_FOUND, "%s: no rollover is going on", folder);
    if (error == TC_OK)
        error = trust_alone(folder, fault);
    if (error == TC_OK)
        error = retire_previous(folder, fault);
    (void)close(lock);
    return error;
}
