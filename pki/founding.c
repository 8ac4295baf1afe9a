#include "base/file.h"
#include "pki/authority.h"
#include "pki/authority_folder.h"

static enum tc_error make(const char *folder, enum pki_authority_kind kind, const char *organization,
                          const struct pki_issuer *signer, const struct pki_validity *validity,
                          struct pki_issuer *issuer, struct tc_fault *fault)
{
    enum { FIRST = 1 };
    char path[PATH_MAX];
    enum tc_error error = folder_path(folder, pki_authority_name(kind), path, fault);
    if (error == TC_OK)
        error = folder_make(path, kind, organization, FIRST, signer, validity, issuer, fault);
    if (error == TC_OK && kind != PKI_ROOT) {
        const X509 *certificate = issuer->certificate;
        error = folder_write_trust(path, kind, &certificate, 1, fault);
    }
    return error;
}

enum tc_error pki_found(const char *folder, const char *organization, const struct pki_validity *root,
                        const struct pki_validity *others, struct tc_fault *fault)
{
    enum { FOLDER_MODE = 0755 };
    struct pki_issuer issuers[PKI_AUTHORITY_COUNT] = {0};
    enum tc_error error = file_make_folders(folder, FOLDER_MODE, fault);
    for (unsigned i = PKI_ROOT; error == TC_OK && i < PKI_AUTHORITY_COUNT; i++)
        error = make(folder, (enum pki_authority_kind)i, organization, i == PKI_ROOT ? NULL : &issuers[PKI_ROOT],
                     i == PKI_ROOT ? root : others, &issuers[i], fault);
    for (unsigned i = PKI_ROOT; i < PKI_AUTHORITY_COUNT; i++)
        pki_issuer_close(&issuers[i]);
    return error;
}
