#include "pki/openssl_fault.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>

enum tc_error openssl_fault(struct tc_fault *fault, enum tc_error code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return tc_fault_set(fault, code, "%s: %s", what, reason == NULL ? "refused" : reason);
}

void openssl_take_memory(BIO *memory, struct buffer *out)
{
    char *bytes;
    long length = BIO_get_mem_data(memory, &bytes);
    if (length > 0)
        buffer_put(out, bytes, (size_t)length);
    BIO_free(memory);
}

BIO *openssl_write_memory(void)
{
    BIO *memory = BIO_new(BIO_s_mem());
    TC_CHECK(memory != NULL);
    return memory;
}

BIO *openssl_read_memory(const void *bytes, size_t length)
{
    TC_CHECK(length <= INT_MAX);
    BIO *memory = BIO_new_mem_buf(bytes, (int)length);
    TC_CHECK(memory != NULL);
    return memory;
}
