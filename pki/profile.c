#include "pki/profile.h"

#include "pki/openssl_fault.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/x509v3.h>
#include <string.h>

static enum tc_error add_text(X509 *certificate, int extension, const char *value, X509 *signer, struct tc_fault *fault)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer, certificate, NULL, NULL, 0);
    X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &context, extension, value);
    bool added = made != NULL && X509_add_ext(certificate, made, -1) == 1;
    X509_EXTENSION_free(made);
    return added ? TC_OK : openssl_fault(fault, TC_INTERNAL, OBJ_nid2sn(extension));
}

struct text_extension {
    int extension;
    const char *value;
};

static enum tc_error add_texts(X509 *certificate, const struct text_extension *texts, size_t count, X509 *signer,
                               struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    for (size_t i = 0; error == TC_OK && i < count; i++)
        error = add_text(certificate, texts[i].extension, texts[i].value, signer, fault);
    return error;
}

/* A subtree of names: all that begin with `OU=<kind>`. */
static GENERAL_SUBTREE *subtree_of(enum pki_kind kind)
{
    GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
    X509_NAME *name = X509_NAME_new();
    TC_CHECK(subtree != NULL && name != NULL);
    const unsigned char *text = (const unsigned char *)pki_kind_name(kind);
    TC_CHECK(X509_NAME_add_entry_by_NID(name, NID_organizationalUnitName, MBSTRING_UTF8, text, -1, -1, 0) == 1);
    GENERAL_NAME_set0_value(subtree->base, GEN_DIRNAME, name);
    return subtree;
}

/* Permits the names of the kinds that this authority issues. */
static enum tc_error add_name_constraint(X509 *certificate, enum pki_authority_kind kind, struct tc_fault *fault)
{
    enum { CRITICAL = 1 };
    NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
    TC_CHECK(constraints != NULL);
    constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
    TC_CHECK(constraints->permittedSubtrees != NULL);
    for (unsigned i = 0; i < PKI_KIND_COUNT; i++) {
        if (pki_authority_of((enum pki_kind)i) == kind)
            TC_CHECK(sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, subtree_of((enum pki_kind)i)) > 0);
    }
    int added = X509_add1_ext_i2d(certificate, NID_name_constraints, constraints, CRITICAL, X509V3_ADD_DEFAULT);
    NAME_CONSTRAINTS_free(constraints);
    return added == 1 ? TC_OK : openssl_fault(fault, TC_INTERNAL, "nameConstraints");
}

enum tc_error profile_add_authority(X509 *certificate, enum pki_authority_kind kind, X509 *signer,
                                    struct tc_fault *fault)
{
    const struct text_extension texts[] = {
        {NID_basic_constraints, kind == PKI_ROOT ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
    };
    enum tc_error error = add_texts(certificate, texts, sizeof texts / sizeof *texts, signer, fault);
    if (error == TC_OK && kind != PKI_ROOT)
        error = add_name_constraint(certificate, kind, fault);
    return error;
}

/* Labels of letters, digits and hyphens; "*" may be the first. */
static bool is_host_name(const char *text)
{
    enum { NAME_MAX_LENGTH = 253, LABEL_MAX_LENGTH = 63 };
    size_t label = 0, length = strlen(text);
    const char *start = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    for (const char *at = start; *at != '\0'; at++) {
        if (*at == '.' ? label == 0 || at[1] == '\0' : !isalnum((unsigned char)*at) && *at != '-')
            return false;
        label = *at == '.' ? 0 : label + 1;
        if (label > LABEL_MAX_LENGTH)
            return false;
    }
    return *start != '\0' && length <= NAME_MAX_LENGTH;
}

static void add_name(GENERAL_NAMES *names, int type, const void *bytes, size_t length)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
    TC_CHECK(name != NULL && value != NULL && ASN1_STRING_set(value, bytes, (int)length) == 1);
    GENERAL_NAME_set0_value(name, type, value);
    TC_CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

static enum tc_error add_address(GENERAL_NAMES *names, const char *text, struct tc_fault *fault)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, text, bytes) == 1)
        add_name(names, GEN_IPADD, bytes, sizeof(struct in_addr));
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        add_name(names, GEN_IPADD, bytes, sizeof bytes);
    else
        return tc_fault_set(fault, TC_INVALID, "found \"%.80s\", expected an IP address", text);
    return TC_OK;
}

static enum tc_error collect_names(const struct pki_order *order, GENERAL_NAMES *names, struct tc_fault *fault)
{
    for (size_t i = 0; i < order->dns_count; i++) {
        if (!is_host_name(order->dns[i]))
            return tc_fault_set(fault, TC_INVALID, "found \"%.80s\", expected a host name", order->dns[i]);
        add_name(names, GEN_DNS, order->dns[i], strlen(order->dns[i]));
    }
    enum tc_error error = TC_OK;
    for (size_t i = 0; error == TC_OK && i < order->address_count; i++)
        error = add_address(names, order->addresses[i], fault);
    return error;
}

/* Takes the names of the certificate that is renewed. */
static GENERAL_NAMES *names_of(const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    return names == NULL ? GENERAL_NAMES_new() : names;
}

static bool may_have_names(enum pki_kind kind)
{
    return kind == PKI_SERVER || kind == PKI_ORCHESTRATOR;
}

static enum tc_error add_names(X509 *certificate, const struct pki_order *order, struct tc_fault *fault)
{
    enum pki_kind kind = order->identity.kind;
    GENERAL_NAMES *names = order->names_of == NULL ? GENERAL_NAMES_new() : names_of(order->names_of);
    TC_CHECK(names != NULL);
    enum tc_error error = order->names_of == NULL ? collect_names(order, names, fault) : TC_OK;
    int count = sk_GENERAL_NAME_num(names);
    if (error == TC_OK && count > 0 && !may_have_names(kind))
        error = tc_fault_set(fault, TC_INVALID, "a certificate of the kind %s has no host name and no address",
                             pki_kind_name(kind));
    if (error == TC_OK && count == 0 && kind == PKI_SERVER)
        error = tc_fault_set(fault, TC_INVALID, "a server's certificate needs a host name or an IP address");
    if (error == TC_OK && count > 0 &&
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
        error = openssl_fault(fault, TC_INTERNAL, "subjectAltName");
    GENERAL_NAMES_free(names);
    return error;
}

enum tc_error profile_add_identity(X509 *certificate, const struct pki_order *order, X509 *signer,
                                   struct tc_fault *fault)
{
    static const char *const uses[PKI_KIND_COUNT] = {
        [PKI_DEVICE] = "clientAuth",
        [PKI_ORCHESTRATOR] = "clientAuth,serverAuth",
        [PKI_OPERATOR] = "clientAuth",
        [PKI_SERVER] = "serverAuth",
    };
    const struct text_extension texts[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},    {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, uses[order->identity.kind]}, {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
    };
    enum tc_error error = add_texts(certificate, texts, sizeof texts / sizeof *texts, signer, fault);
    return error == TC_OK ? add_names(certificate, order, fault) : error;
}

static bool permits(const NAME_CONSTRAINTS *constraints, enum pki_kind kind)
{
    GENERAL_SUBTREE *expected = subtree_of(kind);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees); i++) {
        const GENERAL_NAME *name = sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i)->base;
        found = found || GENERAL_NAME_cmp((GENERAL_NAME *)(uintptr_t)name, expected->base) == 0;
    }
    GENERAL_SUBTREE_free(expected);
    return found;
}

enum tc_error profile_authority_kind(const X509 *certificate, enum pki_authority_kind *kind, struct tc_fault *fault)
{
    if (!pki_certificate_is_authority(certificate))
        return tc_fault_set(fault, TC_INVALID, "not the certificate of an authority");
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(certificate, NID_name_constraints, NULL, NULL);
    *kind = PKI_ROOT;
    if (constraints != NULL)
        *kind = permits(constraints, PKI_DEVICE) ? PKI_DEVICES : PKI_OPERATIONS;
    NAME_CONSTRAINTS_free(constraints);
    return TC_OK;
}
