#include "pki/authority_kind.h"

#include <string.h>

enum pki_authority_kind pki_authority_of(enum pki_kind kind)
{
    return kind == PKI_DEVICE ? PKI_DEVICES : PKI_OPERATIONS;
}

static const char *const names[PKI_AUTHORITY_COUNT] = {
    [PKI_ROOT] = "root",
    [PKI_OPERATIONS] = "operations",
    [PKI_DEVICES] = "devices",
};

const char *pki_authority_name(enum pki_authority_kind kind)
{
    TC_CHECK((unsigned)kind < PKI_AUTHORITY_COUNT);
    return names[kind];
}

bool pki_authority_read(const char *name, enum pki_authority_kind *kind)
{
    for (unsigned i = 0; i < PKI_AUTHORITY_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *kind = (enum pki_authority_kind)i;
            return true;
        }
    }
    return false;
}
