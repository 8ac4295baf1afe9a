#include "pki/detached.h"

#include "pki/openssl_fault.h"
#include "pki/signing.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct detached_signature {
    EVP_MD_CTX *context;
};

enum tc_error detached_signature_begin(EVP_PKEY *key, struct detached_signature **signature, struct tc_fault *fault)
{
    const EVP_MD *digest = signing_digest(key);
    if (digest == NULL || EVP_MD_get_type(digest) != NID_sha256)
        return tc_fault_set(fault, TC_INVALID, "must be a key of EC P-256 or RSA");
    struct detached_signature *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->context = EVP_MD_CTX_new();
    TC_CHECK(made->context != NULL);
    if (EVP_DigestSignInit(made->context, NULL, digest, NULL, key) != 1) {
        detached_signature_free(made);
        return openssl_fault(fault, TC_INVALID, "begin to sign");
    }
    *signature = made;
    return TC_OK;
}

enum tc_error detached_signature_add(struct detached_signature *signature, const void *bytes, size_t length,
                                     struct tc_fault *fault)
{
    if (EVP_DigestSignUpdate(signature->context, bytes, length) == 1)
        return TC_OK;
    return openssl_fault(fault, TC_INTERNAL, "sign");
}

enum tc_error detached_signature_end(struct detached_signature *signature, struct buffer *out, struct tc_fault *fault)
{
    unsigned char bytes[1024]; /* of a key of RSA with 4096 bits: 512 */
    size_t length = sizeof bytes;
    if (EVP_DigestSignFinal(signature->context, bytes, &length) != 1)
        return openssl_fault(fault, TC_INTERNAL, "sign");
    buffer_put(out, bytes, length);
    return TC_OK;
}

void detached_signature_free(struct detached_signature *signature)
{
    if (signature == NULL)
        return;
    EVP_MD_CTX_free(signature->context);
    free(signature);
}
