#include "tls/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

enum { MS_PER_SECOND = 1000 };

static BIO *open_text(const struct buffer *text)
{
    BIO *opened = BIO_new_mem_buf(buffer_text(text), (int)text->length);
    TC_CHECK(opened != NULL);
    return opened;
}

/* An encrypted key is refused: without this, OpenSSL asks for its password on the terminal. */
static int give_no_password(char *password, int size, int writes, void *context)
{
    (void)password, (void)size, (void)writes, (void)context;
    return -1;
}

enum tc_error pem_check_authorities(const struct buffer *text, struct tc_fault *fault)
{
    BIO *source = open_text(text);
    STACK_OF(X509_INFO) *found = PEM_X509_INFO_read_bio(source, NULL, give_no_password, NULL);
    int certificates = 0;
    for (int i = 0; i < sk_X509_INFO_num(found); i++)
        certificates += sk_X509_INFO_value(found, i)->x509 != NULL;
    sk_X509_INFO_pop_free(found, X509_INFO_free);
    BIO_free_all(source);
    ERR_clear_error();
    return certificates > 0 ? TC_OK : tc_fault_set(fault, TC_INVALID, "must be certificates in PEM; none was read");
}

static int64_t time_of(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) * MS_PER_SECOND : 0;
}

enum tc_error pem_check_pair(const struct buffer *certificate, const struct buffer *key, int64_t *begins_ms,
                             int64_t *expires_ms, struct tc_fault *fault)
{
    BIO *certificate_source = open_text(certificate), *key_source = open_text(key);
    X509 *read = PEM_read_bio_X509_AUX(certificate_source, NULL, give_no_password, NULL);
    EVP_PKEY *private = PEM_read_bio_PrivateKey(key_source, NULL, give_no_password, NULL);
    enum tc_error error = TC_OK;
    if (read == NULL)
        error = tc_fault_set(fault, TC_INVALID, "the certificate must be PEM; none was read");
    else if (private == NULL)
        error = tc_fault_set(fault, TC_INVALID, "the key must be PEM without a password; none was read");
    else if (X509_check_private_key(read, private) != 1)
        error = tc_fault_set(fault, TC_INVALID, "the key is not that of the certificate");
    if (error == TC_OK) {
        *begins_ms = time_of(X509_get0_notBefore(read));
        *expires_ms = time_of(X509_get0_notAfter(read));
    }
    EVP_PKEY_free(private);
    X509_free(read);
    BIO_free_all(key_source);
    BIO_free_all(certificate_source);
    ERR_clear_error();
    return error;
}
