#include "base/file.h"
#include "pki/crl.h"

enum { CRL_FILE_MODE = 0644 };

enum tc_error pki_crl_check_file(const char *path, const X509 *issuer, int64_t now_ms, struct pki_crl *facts,
                                 struct tc_fault *fault)
{
    struct buffer pem = {0};
    enum tc_error error = file_read(path, PKI_CRL_FILE_MAX, &pem, fault);
    if (error == TC_OK) {
        error = pki_crl_check(buffer_text(&pem), pem.length, issuer, now_ms, facts, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    buffer_free(&pem);
    return error;
}

/* A file that has no readable list of the issuer is no reason to keep it. */
static enum tc_error check_number(const char *path, const struct pki_crl *fresh, const X509 *issuer, int64_t now_ms,
                                  struct tc_fault *fault)
{
    struct pki_crl old = {0};
    struct tc_fault ignored;
    enum tc_error error = pki_crl_check_file(path, issuer, now_ms, &old, &ignored);
    if ((error != TC_OK && error != TC_TIMEOUT) || old.number <= fresh->number)
        return TC_OK;
    return tc_fault_set(fault, TC_CONFLICT, "has list %llu, which is newer than list %llu",
                        (unsigned long long)old.number, (unsigned long long)fresh->number);
}

enum tc_error pki_crl_replace(const char *path, const struct buffer *pem, const X509 *const *issuers, size_t count,
                              int64_t now_ms, struct tc_fault *fault)
{
    enum tc_error error = file_check_replaceable(path, fault); /* a pipe would be read until its writer ends */
    if (error != TC_OK)
        return error;
    for (size_t i = 0; error == TC_OK && i < count; i++) {
        struct pki_crl fresh;
        error = pki_crl_check(buffer_text(pem), pem->length, issuers[i], now_ms, &fresh, fault);
        if (error == TC_OK)
            error = check_number(path, &fresh, issuers[i], now_ms, fault);
    }
    if (error != TC_OK) {
        (void)tc_fault_context(fault, "%s", path);
        return error;
    }
    return file_replace(path, pem->bytes, pem->length, CRL_FILE_MODE, fault);
}
