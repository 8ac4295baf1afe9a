/* Private to pki/: the name of an authority as text. */
#ifndef TELLERCAST_PKI_NAME_H
#define TELLERCAST_PKI_NAME_H

#include "base/buffer.h"

#include <openssl/types.h>

/* Appends a name in the form of RFC 2253, which escapes control characters: "CN=Device CA 1,O=Bank". */
void name_put(const X509_NAME *name, struct buffer *text);

#endif
