/* The authorities of an installation and the kinds that each of them issues. Any thread. */
#ifndef TELLERCAST_PKI_AUTHORITY_KIND_H
#define TELLERCAST_PKI_AUTHORITY_KIND_H

#include "pki/identity.h"

/* The root signs the other two and nothing else. */
enum pki_authority_kind {
    PKI_ROOT,
    PKI_OPERATIONS, /* issues orchestrators, operators and servers */
    PKI_DEVICES,    /* issues devices alone, by a critical name constraint */
    PKI_AUTHORITY_COUNT
};

/* The authority that issues certificates of this kind. */
enum pki_authority_kind pki_authority_of(enum pki_kind kind);

/* "root", "operations", "devices": also the name of its folder. */
const char *pki_authority_name(enum pki_authority_kind kind);
/* Reads such a name; false for any other text. */
bool pki_authority_read(const char *name, enum pki_authority_kind *kind);

#endif
