#include "clients/agent/action/digest.h"

#include <inttypes.h>
#include <sodium.h>

enum { CONTENT_DIGEST_SIZE = (JOURNAL_CONTENT_SIZE - 1) / 2 };

void instruction_digest(const struct instruction_payload *payload, char content[static JOURNAL_CONTENT_SIZE])
{
    struct buffer text = {0};
    unsigned char digest[CONTENT_DIGEST_SIZE];
    buffer_format(&text, "%" PRId64 " ", payload->rollout);
    instruction_content_encode(payload, &text);
    (void)crypto_generichash(digest, sizeof digest, (const unsigned char *)text.bytes, text.length, NULL, 0);
    (void)sodium_bin2hex(content, JOURNAL_CONTENT_SIZE, digest, sizeof digest);
    buffer_free(&text);
}
