/* The identity in a certificate. A subject is exactly `OU=<kind>, CN=<ID>`, in this order. Any thread. */
#ifndef TELLERCAST_PKI_IDENTITY_H
#define TELLERCAST_PKI_IDENTITY_H

#include "base/fault.h"
#include "base/id.h"

#include <openssl/types.h>
#include <stdbool.h>

enum pki_kind { PKI_DEVICE, PKI_ORCHESTRATOR, PKI_OPERATOR, PKI_SERVER, PKI_KIND_COUNT };

struct pki_identity {
    enum pki_kind kind;
    char id[TC_ID_SIZE];
};

/* "device", "orchestrator", "operator", "server". */
const char *pki_kind_name(enum pki_kind kind);
/* Reads such a name; false for any other text, also in another case. */
bool pki_kind_read(const char *name, enum pki_kind *kind);

/* Reads the identity from the subject of a certificate or a request. TC_INVALID for any other form: further, missing,
 * swapped or joined attributes, another kind, or a common name that is not a valid ID. */
enum tc_error pki_identity_read(const X509_NAME *subject, struct pki_identity *identity, struct tc_fault *fault);

/* Sets the subject of a certificate or a request. TC_INVALID for an ID that is not valid. */
enum tc_error pki_identity_write(const struct pki_identity *identity, X509_NAME *subject, struct tc_fault *fault);

bool pki_identity_equals(const struct pki_identity *left, const struct pki_identity *right);

#endif
