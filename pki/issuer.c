#include "pki/issuer.h"

#include "base/utf8.h"
#include "pki/key.h"
#include "pki/openssl_fault.h"
#include "pki/profile.h"
#include "pki/signing.h"

#include <openssl/x509.h>
#include <string.h>

enum tc_error pki_issuer_open(const char *certificate_path, const char *key_path, struct pki_issuer *issuer,
                              struct tc_fault *fault)
{
    enum pki_authority_kind kind;
    *issuer = (struct pki_issuer){0};
    enum tc_error error = pki_certificate_open(certificate_path, &issuer->certificate, fault);
    if (error == TC_OK)
        error = pki_key_open(key_path, &issuer->key, fault);
    if (error == TC_OK && X509_check_private_key(issuer->certificate, issuer->key) != 1)
        error = openssl_fault(fault, TC_INVALID, "the key and the certificate do not belong together");
    if (error == TC_OK)
        error = profile_authority_kind(issuer->certificate, &kind, fault);
    if (error != TC_OK)
        pki_issuer_close(issuer);
    return error;
}

void pki_issuer_close(struct pki_issuer *issuer)
{
    pki_certificate_free(issuer->certificate);
    pki_key_free(issuer->key);
    *issuer = (struct pki_issuer){0};
}

enum tc_error pki_issuer_kind(const struct pki_issuer *issuer, enum pki_authority_kind *kind, struct tc_fault *fault)
{
    return profile_authority_kind(issuer->certificate, kind, fault);
}

/* Sets the times; the end is at most the signer's. */
static enum tc_error set_times(X509 *certificate, const struct pki_validity *validity, const X509 *signer,
                               struct tc_fault *fault)
{
    int64_t end_ms = validity->not_after_ms, signer_end_ms;
    if (signer != NULL && !signing_read_time(X509_get0_notAfter(signer), &signer_end_ms))
        return tc_fault_set(fault, TC_INVALID, "the end of the authority's certificate is malformed");
    if (signer != NULL && signer_end_ms < end_ms)
        end_ms = signer_end_ms;
    if (end_ms <= validity->not_before_ms)
        return tc_fault_set(fault, TC_INVALID,
                            "the certificate would end before it starts; the authority may have expired");
    ASN1_TIME *start = signing_time(validity->not_before_ms), *end = signing_time(end_ms);
    bool set = X509_set1_notBefore(certificate, start) == 1 && X509_set1_notAfter(certificate, end) == 1;
    ASN1_TIME_free(start);
    ASN1_TIME_free(end);
    return set ? TC_OK : openssl_fault(fault, TC_INTERNAL, "set the times");
}

static enum tc_error set_head(X509 *certificate, EVP_PKEY *key, const X509_NAME *issuer, struct tc_fault *fault)
{
    if (X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_issuer_name(certificate, issuer) == 1 &&
        X509_set_pubkey(certificate, key) == 1 && signing_set_serial(X509_get_serialNumber(certificate)))
        return TC_OK;
    return openssl_fault(fault, TC_INTERNAL, "start a certificate");
}

static enum tc_error sign(X509 *certificate, EVP_PKEY *key, struct tc_fault *fault)
{
    return X509_sign(certificate, key, signing_digest(key)) > 0 ? TC_OK : openssl_fault(fault, TC_INTERNAL, "sign");
}

static enum tc_error add_name(X509 *certificate, int attribute, const char *text, struct tc_fault *fault)
{
    enum { TEXT_MAX = 64 };
    size_t length = strlen(text);
    if (length == 0 || length > TEXT_MAX || utf8_valid_length(text, length) != length)
        return tc_fault_set(fault, TC_INVALID, "the name of an authority: allowed: 1 to %d bytes of UTF-8", TEXT_MAX);
    if (X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), attribute, MBSTRING_UTF8,
                                   (const unsigned char *)text, -1, -1, 0) != 1)
        return openssl_fault(fault, TC_INVALID, "the name of an authority");
    return TC_OK;
}

/* Returns the certificate, or frees it after an error. */
static enum tc_error finish(enum tc_error error, X509 *made, X509 **certificate)
{
    *certificate = error == TC_OK ? made : NULL;
    if (error != TC_OK)
        X509_free(made);
    return error;
}

enum tc_error pki_issuer_certify(enum pki_authority_kind kind, const char *organization, const char *name,
                                 const struct pki_issuer *signer, const struct pki_validity *validity, EVP_PKEY *key,
                                 X509 **certificate, struct tc_fault *fault)
{
    X509 *made = X509_new();
    TC_CHECK(made != NULL);
    X509 *above = signer == NULL ? made : signer->certificate;
    enum tc_error error = add_name(made, NID_organizationName, organization, fault);
    if (error == TC_OK)
        error = add_name(made, NID_commonName, name, fault);
    if (error == TC_OK)
        error = set_head(made, key, X509_get_subject_name(above), fault);
    if (error == TC_OK)
        error = set_times(made, validity, signer == NULL ? NULL : above, fault);
    if (error == TC_OK)
        error = profile_add_authority(made, kind, above, fault);
    if (error == TC_OK)
        error = sign(made, signer == NULL ? key : signer->key, fault);
    return finish(error, made, certificate);
}

static enum tc_error check_kind(const struct pki_issuer *issuer, enum pki_kind kind, struct tc_fault *fault)
{
    enum pki_authority_kind own;
    enum tc_error error = profile_authority_kind(issuer->certificate, &own, fault);
    if (error == TC_OK && own != pki_authority_of(kind))
        error = tc_fault_set(fault, TC_INVALID, "this authority does not issue certificates of the kind %s",
                             pki_kind_name(kind));
    return error;
}

enum tc_error pki_issue(const struct pki_issuer *issuer, const struct pki_order *order, X509 **certificate,
                        struct tc_fault *fault)
{
    *certificate = NULL;
    enum tc_error error = check_kind(issuer, order->identity.kind, fault);
    if (error == TC_OK)
        error = pki_key_check(order->key, fault);
    if (error != TC_OK)
        return error;
    X509 *made = X509_new();
    TC_CHECK(made != NULL);
    error = pki_identity_write(&order->identity, X509_get_subject_name(made), fault);
    if (error == TC_OK)
        error = set_head(made, order->key, X509_get_subject_name(issuer->certificate), fault);
    if (error == TC_OK)
        error = set_times(made, &order->validity, issuer->certificate, fault);
    if (error == TC_OK)
        error = profile_add_identity(made, order, issuer->certificate, fault);
    if (error == TC_OK)
        error = sign(made, issuer->key, fault);
    return finish(error, made, certificate);
}
