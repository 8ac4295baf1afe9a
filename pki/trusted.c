#include "pki/trusted.h"

#include "base/file.h"
#include "pki/name.h"

#include <openssl/x509.h>

enum tc_error pki_trusted_parse(const void *pem, size_t length, struct pki_bundle *trusted, struct tc_fault *fault)
{
    enum tc_error error = pki_bundle_parse(pem, length, trusted, fault);
    for (size_t i = 0; error == TC_OK && i < trusted->count; i++) {
        if (!pki_certificate_is_authority(trusted->items[i]))
            error = tc_fault_set(fault, TC_INVALID, "certificate %zu is not that of an authority", i + 1);
    }
    if (error != TC_OK)
        pki_bundle_free(trusted);
    return error;
}

enum tc_error pki_trusted_open(const char *path, struct pki_bundle *trusted, struct tc_fault *fault)
{
    struct buffer pem = {0};
    *trusted = (struct pki_bundle){0};
    enum tc_error error = file_read(path, PKI_CERTIFICATE_FILE_MAX, &pem, fault);
    if (error == TC_OK) {
        error = pki_trusted_parse(buffer_text(&pem), pem.length, trusted, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    buffer_free(&pem);
    return error;
}

static bool is_same_authority(const X509 *left, const X509 *right)
{
    return X509_NAME_cmp(X509_get_subject_name(left), X509_get_subject_name(right)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(left), X509_get0_pubkey(right)) == 1;
}

static void put_names(const struct pki_bundle *bundle, struct buffer *text)
{
    for (size_t i = 0; i < bundle->count; i++) {
        buffer_put_text(text, i == 0 ? "" : "; ");
        name_put(X509_get_subject_name(bundle->items[i]), text);
    }
}

enum tc_error pki_trusted_check_change(const struct pki_bundle *present, const struct pki_bundle *fresh,
                                       struct tc_fault *fault)
{
    for (size_t i = 0; i < present->count; i++) {
        for (size_t j = 0; j < fresh->count; j++) {
            if (is_same_authority(present->items[i], fresh->items[j]))
                return TC_OK;
        }
    }
    struct buffer found = {0}, used = {0};
    put_names(fresh, &found);
    put_names(present, &used);
    enum tc_error error = tc_fault_set(fault, TC_CONFLICT,
                                       "found %.160s, which has no authority in common with those in use, %.160s; a "
                                       "rollover trusts both first",
                                       buffer_text(&found), buffer_text(&used));
    buffer_free(&found);
    buffer_free(&used);
    return error;
}
