#include "clients/agent/enrolment/est_call.h"

#include "clients/agent/enrolment/device_call.h"

#include <sodium.h>
#include <stdlib.h>

static void put_base64(const struct buffer *bytes, struct buffer *text)
{
    size_t size = sodium_base64_encoded_len(bytes->length, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = malloc(size);
    TC_CHECK(encoded != NULL);
    (void)sodium_bin2base64(encoded, size, (const unsigned char *)bytes->bytes, bytes->length,
                            sodium_base64_VARIANT_ORIGINAL);
    buffer_put(text, encoded, size - 1);
    free(encoded);
}

static enum tc_error read_certificates(const struct buffer *answer, struct pki_bundle *bundle, struct tc_fault *fault)
{
    static unsigned char bytes[DEVICE_ANSWER_MAX]; /* one exchange at a time, on the enrolment's thread */
    size_t length = 0;
    const char *text = buffer_text(answer), *end = NULL;
    if (sodium_base642bin(bytes, sizeof bytes, text, answer->length, " \t\r\n", &length, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text + answer->length)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the answer must be certificates in base64");
    return pki_bundle_read(bytes, length, bundle, fault);
}

enum tc_error est_call_run(const struct est_call *call, struct pki_bundle *bundle, struct tc_fault *fault)
{
    static const char *const headers[] = {"Content-Type: application/pkcs10", "Content-Transfer-Encoding: base64",
                                          NULL};
    struct buffer url = {0}, body = {0}, answer = {0};
    long status;
    buffer_format(&url, "%s/.well-known/est/%s", call->url, call->code != NULL ? "simpleenroll" : "simplereenroll");
    put_base64(call->request, &body);
    const struct device_call post = {.url = buffer_text(&url),
                                     .ca_file = call->ca_file,
                                     .user = call->device,
                                     .password = call->code,
                                     .certificate_file = call->certificate_file,
                                     .key_file = call->key_file,
                                     .headers = headers,
                                     .body = &body,
                                     .stop = call->stop};
    enum tc_error error = device_call_run(&post, &status, &answer, fault);
    if (error == TC_OK)
        error = read_certificates(&answer, bundle, fault);
    buffer_free(&url);
    buffer_free(&body);
    buffer_free(&answer);
    return error;
}
