#include "orchestrator/webhooks/signature.h"

#include "base/file.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

enum { LINE_MAX_BYTES = 256, MAC_TEXT_SIZE = sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL) };

static const char prefix[] = "whsec_";

static bool decode(const char *line, struct webhook_secret *secret)
{
    const char *end = NULL;
    return strncmp(line, prefix, sizeof prefix - 1) == 0 &&
           sodium_base642bin(secret->bytes, sizeof secret->bytes, line + sizeof prefix - 1,
                             strlen(line + sizeof prefix - 1), NULL, &secret->length, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           *end == '\0' && secret->length >= WEBHOOK_SECRET_MIN;
}

enum tc_error webhook_secret_read(const char *path, struct webhook_secret *secret, struct tc_fault *fault)
{
    struct buffer line = {0};
    *secret = (struct webhook_secret){.length = 0};
    enum tc_error error = file_read_secret(path, LINE_MAX_BYTES, &line, fault);
    if (error == TC_OK && !decode(buffer_text(&line), secret))
        error = tc_fault_set(fault, TC_INVALID, "%s: must be whsec_ and base64 of %d to %d bytes", path,
                             WEBHOOK_SECRET_MIN, WEBHOOK_SECRET_MAX);
    if (line.length > 0)
        sodium_memzero(line.bytes, line.length);
    buffer_free(&line);
    return error;
}

void webhook_sign(const struct webhook_secret *secret, const char *id, int64_t time_s, const char *body,
                  struct buffer *header)
{
    struct buffer head = {0};
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[MAC_TEXT_SIZE];
    buffer_format(&head, "%s.%" PRId64 ".", id, time_s);
    (void)crypto_auth_hmacsha256_init(&state, secret->bytes, secret->length);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)buffer_text(&head), head.length);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, strlen(body));
    (void)crypto_auth_hmacsha256_final(&state, mac);
    (void)sodium_bin2base64(text, sizeof text, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
    buffer_format(header, "%sv1,%s", header->length == 0 ? "" : " ", text);
    sodium_memzero(&state, sizeof state);
    buffer_free(&head);
}
