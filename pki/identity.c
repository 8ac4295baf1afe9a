#include "pki/identity.h"

#include "pki/openssl_fault.h"

#include <openssl/x509.h>
#include <string.h>

static const char *const kind_names[PKI_KIND_COUNT] = {
    [PKI_DEVICE] = "device",
    [PKI_ORCHESTRATOR] = "orchestrator",
    [PKI_OPERATOR] = "operator",
    [PKI_SERVER] = "server",
};

const char *pki_kind_name(enum pki_kind kind)
{
    TC_CHECK((unsigned)kind < PKI_KIND_COUNT);
    return kind_names[kind];
}

bool pki_kind_read(const char *name, enum pki_kind *kind)
{
    for (unsigned i = 0; i < PKI_KIND_COUNT; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *kind = (enum pki_kind)i;
            return true;
        }
    }
    return false;
}

/* Copies the value of the attribute at `index` when it is the expected one and alone in its part of the name. */
static bool read_attribute(const X509_NAME *subject, int index, int expected, char text[static TC_ID_SIZE])
{
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, index);
    if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != expected || X509_NAME_ENTRY_set(entry) != index)
        return false;
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    int type = ASN1_STRING_type(value), length = ASN1_STRING_length(value);
    if ((type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING) || length < 0)
        return false;
    const char *bytes = (const char *)ASN1_STRING_get0_data(value);
    if (!id_is_valid(bytes, (size_t)length))
        return false;
    memcpy(text, bytes, (size_t)length);
    text[length] = '\0';
    return true;
}

static enum tc_error refuse(const X509_NAME *subject, struct tc_fault *fault)
{
    enum { SHOWN = 200 };
    char found[SHOWN] = "";
    (void)X509_NAME_oneline(subject, found, sizeof found);
    return tc_fault_set(fault, TC_INVALID,
                        "the subject must be OU=device|orchestrator|operator|server, CN=ID, with an ID of 1 to %d of "
                        "A-Z a-z 0-9 _ -; found %s",
                        TC_ID_MAX, found);
}

enum tc_error pki_identity_read(const X509_NAME *subject, struct pki_identity *identity, struct tc_fault *fault)
{
    char kind[TC_ID_SIZE];
    if (X509_NAME_entry_count(subject) != 2 || !read_attribute(subject, 0, NID_organizationalUnitName, kind) ||
        !read_attribute(subject, 1, NID_commonName, identity->id) || !pki_kind_read(kind, &identity->kind))
        return refuse(subject, fault);
    return TC_OK;
}

static bool add_attribute(X509_NAME *subject, int attribute, const char *value)
{
    return X509_NAME_add_entry_by_NID(subject, attribute, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1;
}

enum tc_error pki_identity_write(const struct pki_identity *identity, X509_NAME *subject, struct tc_fault *fault)
{
    if (!id_is_valid(identity->id, strlen(identity->id)))
        return tc_fault_set(fault, TC_INVALID, "found the ID \"%.80s\", allowed: 1 to %d of A-Z a-z 0-9 _ -",
                            identity->id, TC_ID_MAX);
    if (!add_attribute(subject, NID_organizationalUnitName, pki_kind_name(identity->kind)) ||
        !add_attribute(subject, NID_commonName, identity->id))
        return openssl_fault(fault, TC_INTERNAL, "set the subject");
    return TC_OK;
}

bool pki_identity_equals(const struct pki_identity *left, const struct pki_identity *right)
{
    return left->kind == right->kind && strcmp(left->id, right->id) == 0;
}
