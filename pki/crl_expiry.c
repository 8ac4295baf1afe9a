#include "base/file.h"
#include "pki/crl.h"
#include "pki/openssl_fault.h"
#include "pki/signing.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum tc_error pki_crl_first_expiry(const char *path, int64_t *expiry_ms, struct tc_fault *fault)
{
    struct buffer pem = {0};
    X509_CRL *list;
    *expiry_ms = INT64_MAX;
    enum tc_error error = file_read(path, PKI_CRL_FILE_MAX, &pem, fault);
    if (error != TC_OK)
        return error;
    BIO *memory = openssl_read_memory(buffer_text(&pem), pem.length);
    while (error == TC_OK && (list = PEM_read_bio_X509_CRL(memory, NULL, NULL, NULL)) != NULL) {
        int64_t next_ms;
        if (!signing_read_time(X509_CRL_get0_nextUpdate(list), &next_ms))
            error = tc_fault_set(fault, TC_INVALID, "%s: a list has no valid times", path);
        else if (next_ms < *expiry_ms)
            *expiry_ms = next_ms;
        X509_CRL_free(list);
    }
    bool is_damaged = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(memory);
    buffer_free(&pem);
    if (error == TC_OK && (is_damaged || *expiry_ms == INT64_MAX))
        error = tc_fault_set(fault, TC_INVALID, "%s: %s", path,
                             is_damaged ? "a list is damaged" : "has no revocation list");
    return error;
}
