#include "tests/bench/canned.h"

#include "base/clock.h"
#include "base/file.h"
#include "topics/token.h"

#include <unistd.h>

enum { VALID_S = 24 * 60 * 60 };

/* As long as a real value. */
static const struct instruction_payload canned = {
    .device = "B00000-canned",
    .instruction = 1,
    .rollout = 1,
    .attempt = 1,
    .epoch = 1,
    .action = ACTION_INSTALL,
    .has_artifact = true,
    .artifact =
        {
            .name = "atm-app",
            .version = "4.7.2",
            .url =
                "http://127.0.0.1:8080/v1/artifacts/9f2c1a04b7e55d3f8c6b2a19e0d4c7f3a5b8e1d2c4f6071829304152637485a6",
            .sha256 = "9f2c1a04b7e55d3f8c6b2a19e0d4c7f3a5b8e1d2c4f6071829304152637485a6",
            .size_bytes = 431996928,
        },
};

static void sign(const struct signing_key *key, struct buffer *token)
{
    struct buffer content = {0};
    struct instruction_payload payload = canned;
    payload.issued_at_s = clock_now_ms() / 1000;
    payload.not_before_s = payload.issued_at_s;
    payload.expires_s = payload.issued_at_s + VALID_S;
    payload.start_before_s = payload.expires_s;
    instruction_content_encode(&payload, &content);
    token_sign(key, &payload, buffer_text(&content), token);
    buffer_free(&content);
}

enum tc_error canned_make(const char *key_path, const char *keys_path, struct buffer *token, struct tc_fault *fault)
{
    struct signing_key *key = NULL;
    struct buffer keys = {0};
    enum tc_error error = access(key_path, F_OK) == 0 ? TC_OK : signing_key_create(key_path, fault);
    if (error == TC_OK)
        error = signing_key_open(key_path, &key, fault);
    if (error != TC_OK)
        return error;
    signing_key_public_set(key, &keys);
    if (keys_path != NULL)
        error = file_replace(keys_path, keys.bytes, keys.length, 0644, fault);
    sign(key, token);
    buffer_free(&keys);
    signing_key_close(key);
    return error;
}
