#include "pki/name.h"

#include "pki/openssl_fault.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

void name_put(const X509_NAME *name, struct buffer *text)
{
    BIO *memory = openssl_write_memory();
    if (X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253) <= 0)
        buffer_put_text(text, "an unreadable name");
    openssl_take_memory(memory, text);
}
