#include "pki/crl.h"

#include "base/clock.h"
#include "pki/openssl_fault.h"
#include "pki/serial.h"
#include "pki/signing.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static const struct {
    const char *name;
    long code; /* RFC 5280 */
} reasons[PKI_REASON_COUNT] = {
    [PKI_REASON_UNSPECIFIED] = {"unspecified", CRL_REASON_UNSPECIFIED},
    [PKI_REASON_KEY_COMPROMISE] = {"keyCompromise", CRL_REASON_KEY_COMPROMISE},
    [PKI_REASON_AFFILIATION_CHANGED] = {"affiliationChanged", CRL_REASON_AFFILIATION_CHANGED},
    [PKI_REASON_SUPERSEDED] = {"superseded", CRL_REASON_SUPERSEDED},
    [PKI_REASON_CESSATION_OF_OPERATION] = {"cessationOfOperation", CRL_REASON_CESSATION_OF_OPERATION},
};

const char *pki_reason_name(enum pki_reason reason)
{
    TC_CHECK((unsigned)reason < PKI_REASON_COUNT);
    return reasons[reason].name;
}

bool pki_reason_read(const char *name, enum pki_reason *reason)
{
    for (unsigned i = 0; i < PKI_REASON_COUNT; i++) {
        if (strcmp(name, reasons[i].name) == 0) {
            *reason = (enum pki_reason)i;
            return true;
        }
    }
    return false;
}

/* RFC 5280 wants no reason in an entry rather than "unspecified". */
static bool add_reason(X509_REVOKED *entry, enum pki_reason reason)
{
    if (reason == PKI_REASON_UNSPECIFIED)
        return true;
    ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();
    bool added = code != NULL && ASN1_ENUMERATED_set(code, reasons[reason].code) == 1 &&
                 X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_ENUMERATED_free(code);
    return added;
}

static enum tc_error add_revocation(X509_CRL *list, const struct pki_revocation *revocation, struct tc_fault *fault)
{
    ASN1_INTEGER *serial = serial_parse(revocation->serial);
    if (serial == NULL)
        return tc_fault_set(fault, TC_INVALID, "found the serial number \"%.80s\", allowed: 1 to %d hexadecimal digits",
                            revocation->serial, PKI_SERIAL_SIZE - 1);
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *time = signing_time(revocation->revoked_at_ms);
    bool added = entry != NULL && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
                 X509_REVOKED_set_revocationDate(entry, time) == 1 && add_reason(entry, revocation->reason) &&
                 X509_CRL_add0_revoked(list, entry) == 1;
    if (!added)
        X509_REVOKED_free(entry);
    ASN1_TIME_free(time);
    ASN1_INTEGER_free(serial);
    return added ? TC_OK : openssl_fault(fault, TC_INTERNAL, "add to the list");
}

static bool add_number(X509_CRL *list, uint64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    bool added = value != NULL && ASN1_INTEGER_set_uint64(value, number) == 1 &&
                 X509_CRL_add1_ext_i2d(list, NID_crl_number, value, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_INTEGER_free(value);
    return added;
}

static bool add_issuer(X509_CRL *list, X509 *issuer)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, NULL, NULL, list, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    bool added = made != NULL && X509_CRL_add_ext(list, made, -1) == 1;
    X509_EXTENSION_free(made);
    return added;
}

static bool set_head(X509_CRL *list, const struct pki_issuer *issuer, const struct pki_crl_order *order)
{
    ASN1_TIME *start = signing_time(order->this_update_ms), *end = signing_time(order->next_update_ms);
    bool set = X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
               X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->certificate)) == 1 &&
               X509_CRL_set1_lastUpdate(list, start) == 1 && X509_CRL_set1_nextUpdate(list, end) == 1 &&
               add_issuer(list, issuer->certificate) && add_number(list, order->number);
    ASN1_TIME_free(start);
    ASN1_TIME_free(end);
    return set;
}

enum tc_error pki_crl_make(const struct pki_issuer *issuer, const struct pki_crl_order *order, struct buffer *pem,
                           struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    X509_CRL *list = X509_CRL_new();
    TC_CHECK(list != NULL);
    if (!set_head(list, issuer, order))
        error = openssl_fault(fault, TC_INTERNAL, "start a list");
    for (size_t i = 0; error == TC_OK && i < order->count; i++)
        error = add_revocation(list, &order->revocations[i], fault);
    if (error == TC_OK &&
        (X509_CRL_sort(list) != 1 || X509_CRL_sign(list, issuer->key, signing_digest(issuer->key)) <= 0))
        error = openssl_fault(fault, TC_INTERNAL, "sign the list");
    if (error == TC_OK) {
        BIO *memory = openssl_write_memory();
        TC_CHECK(PEM_write_bio_X509_CRL(memory, list) == 1);
        openssl_take_memory(memory, pem);
    }
    X509_CRL_free(list);
    return error;
}

static enum tc_error read_facts(X509_CRL *list, struct pki_crl *facts, struct tc_fault *fault)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
    bool numbered = number != NULL && ASN1_INTEGER_get_uint64(&facts->number, number) == 1;
    ASN1_INTEGER_free(number);
    if (!numbered)
        return openssl_fault(fault, TC_INVALID, "the list has no valid number");
    if (!signing_read_time(X509_CRL_get0_lastUpdate(list), &facts->this_update_ms) ||
        !signing_read_time(X509_CRL_get0_nextUpdate(list), &facts->next_update_ms))
        return tc_fault_set(fault, TC_INVALID, "the list has no valid times");
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
    facts->count = count < 0 ? 0 : (size_t)count;
    return TC_OK;
}

static enum tc_error check_times(const struct pki_crl *facts, int64_t now_ms, struct tc_fault *fault)
{
    char text[TC_TIME_TEXT_SIZE];
    if (facts->this_update_ms > now_ms) {
        clock_format(facts->this_update_ms, text);
        return tc_fault_set(fault, TC_INVALID, "the list is of a future time, %s; compare the clocks", text);
    }
    if (facts->next_update_ms <= now_ms) {
        clock_format(facts->next_update_ms, text);
        return tc_fault_set(fault, TC_TIMEOUT, "the list expired at %s", text);
    }
    return TC_OK;
}

/* Finds the one list of the issuer; the caller frees it. */
static enum tc_error find(const void *bytes, size_t length, const X509 *issuer, X509_CRL **found,
                          struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    BIO *memory = openssl_read_memory(bytes, length);
    X509_CRL *list;
    *found = NULL;
    while (error == TC_OK && (list = PEM_read_bio_X509_CRL(memory, NULL, NULL, NULL)) != NULL) {
        if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0) {
            X509_CRL_free(list);
        } else if (*found != NULL) {
            X509_CRL_free(list);
            error = tc_fault_set(fault, TC_INVALID, "two lists of the same authority");
        } else {
            *found = list;
        }
    }
    BIO_free(memory);
    if (error == TC_OK && *found == NULL)
        error = openssl_fault(fault, TC_NOT_FOUND, "no revocation list of this authority");
    struct tc_fault ignored; /* the end of the text is an error in OpenSSL's queue */
    (void)openssl_fault(&ignored, TC_OK, "");
    return error;
}

enum tc_error pki_crl_check(const void *bytes, size_t length, const X509 *issuer, int64_t now_ms, struct pki_crl *facts,
                            struct tc_fault *fault)
{
    X509_CRL *list = NULL;
    if (length == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "empty, expected a revocation list");
    enum tc_error error = find(bytes, length, issuer, &list, fault);
    if (error == TC_OK && X509_CRL_verify(list, X509_get0_pubkey(issuer)) != 1)
        error = openssl_fault(fault, TC_INVALID, "the list is not signed by this authority");
    if (error == TC_OK)
        error = read_facts(list, facts, fault);
    if (error == TC_OK)
        error = check_times(facts, now_ms, fault);
    X509_CRL_free(list);
    return error;
}
