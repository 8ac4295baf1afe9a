#include "pki/trusted.h"

#include "base/file.h"
#include "pki/name.h"
#include "pki/profile.h"

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

static bool is_among(const X509 *authority, const struct pki_bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++) {
        if (is_same_authority(authority, bundle->items[i]))
            return true;
    }
    return false;
}

/* Whether its name constraints forbid it to issue to devices. An authority of a bank may have none. */
static bool issues_to_others_alone(const X509 *authority)
{
    enum pki_authority_kind kind;
    return profile_authority_kind(authority, &kind, NULL) == TC_OK && kind == PKI_OPERATIONS;
}

static enum tc_error check_added(const struct pki_bundle *present, const struct pki_bundle *fresh,
                                 struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < fresh->count && error == TC_OK; i++) {
        if (is_among(fresh->items[i], present) || !issues_to_others_alone(fresh->items[i]))
            continue;
        struct buffer name = {0};
        name_put(X509_get_subject_name(fresh->items[i]), &name);
        error = tc_fault_set(fault, TC_CONFLICT, "found %.160s, which issues no certificates of devices",
                             buffer_text(&name));
        buffer_free(&name);
    }
    return error;
}

enum tc_error pki_trusted_check_change(const struct pki_bundle *present, const struct pki_bundle *fresh,
                                       struct tc_fault *fault)
{
    for (size_t i = 0; i < fresh->count; i++) {
        if (is_among(fresh->items[i], present))
            return check_added(present, fresh, fault);
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
