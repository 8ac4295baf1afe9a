#include "topics/token.h"

#include "base/file.h"
#include "tests/unit/rfc8037.h"
#include "topics/base64url.h"
#include "topics/message.h"
#include "topics/token_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <string.h>

#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"" RFC_THUMBPRINT "\"}"
#define OWN                                                                                                            \
    "\"iss\":\"tellercast\",\"aud\":\"A7\",\"jti\":\"77.1\",\"iat\":1796083200,\"nbf\":1796083200,"                    \
    "\"exp\":1796169600,\"instruction\":77,\"rollout\":42,\"attempt\":1,\"epoch\":5,\"start_before\":1796090400"
#define ANSWER "\"iss\":\"tellercast\",\"aud\":\"A7\",\"iat\":1,\"nbf\":1,\"exp\":2,\"epoch\":5"
#define SHA256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ARTIFACT                                                                                                       \
    "{\"name\":\"atm-app\",\"version\":\"4.7.2\",\"url\":\"https://tellercast.example/v1/artifacts/" SHA256            \
    "\",\"size\":431996928,\"sha256\":\"" SHA256 "\"}"
#define INSTALL "\"action\":\"install\",\"artifact\":" ARTIFACT ",\"parameters\":{\"restart\":true}"

struct fixture {
    struct signing_key *key;
    struct trusted_keys *trusted;
};

static int open_keys(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    static const char set[] = "{\"keys\":[" RFC_PUBLIC "]}";
    return signing_key_parse(RFC_PRIVATE, strlen(RFC_PRIVATE), &fixture.key, NULL) != TC_OK ||
           trusted_keys_parse(set, strlen(set), &fixture.trusted, NULL) != TC_OK;
}

static int close_keys(void **state)
{
    struct fixture *fixture = *state;
    signing_key_close(fixture->key);
    trusted_keys_close(fixture->trusted);
    return 0;
}

static struct instruction_payload example_payload(void)
{
    return (struct instruction_payload){
        .device = "A7",
        .instruction = 77,
        .rollout = 42,
        .attempt = 1,
        .epoch = 5,
        .issued_at_s = 1796083200,
        .not_before_s = 1796083200,
        .expires_s = 1796169600,
        .start_before_s = 1796090400,
        .nonce = "h3T0vJ5bQz6mXkW1sYcDgA",
        .action = ACTION_INSTALL,
        .has_artifact = true,
        .artifact = {"atm-app", "4.7.2", "https://tellercast.example/v1/artifacts/" SHA256, SHA256, 431996928},
    };
}

/* A token of any header and payload, truly signed. */
static void sign_raw(const struct fixture *fixture, const char *header, const char *payload, struct buffer *token)
{
    base64url_put(token, header, strlen(header));
    buffer_put_text(token, ".");
    base64url_put(token, payload, strlen(payload));
    unsigned char signature[SIGNATURE_SIZE];
    signing_key_sign(fixture->key, token->bytes, token->length, signature);
    buffer_put_text(token, ".");
    base64url_put(token, signature, sizeof signature);
}

/* ---- tokens --------------------------------------------------------------------------------- */

static void a_token_is_read_back_as_it_was_signed(void **state)
{
    const struct fixture *fixture = *state;
    struct instruction_payload payload = example_payload();
    payload.parameters = json_pack("{s:s,s:{s:f}}", "odd", "\"\n\xc3\xa9", "nested", "ratio", 0.5);
    struct buffer content = {0};
    struct buffer token = {0};
    instruction_content_encode(&payload, &content);
    assert_int_equal(instruction_content_check(content.bytes, content.length, NULL), TC_OK);
    buffer_put_text(&token, "kept:");
    token_sign(fixture->key, &payload, content.bytes, &token);
    assert_memory_equal(token.bytes, "kept:", 5);

    struct instruction_payload back;
    struct tc_fault fault = {.text = "none"};
    if (token_verify(fixture->trusted, token.bytes + 5, token.length - 5, &back, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    assert_string_equal(back.device, "A7");
    assert_int_equal(back.instruction, 77);
    assert_int_equal(back.rollout, 42);
    assert_int_equal(back.attempt, 1);
    assert_int_equal(back.epoch, 5);
    assert_int_equal(back.issued_at_s, payload.issued_at_s);
    assert_int_equal(back.not_before_s, payload.not_before_s);
    assert_int_equal(back.expires_s, payload.expires_s);
    assert_int_equal(back.start_before_s, payload.start_before_s);
    assert_string_equal(back.nonce, payload.nonce);
    assert_int_equal(back.recall, 0);
    assert_int_equal(back.action, ACTION_INSTALL);
    assert_true(back.has_artifact);
    assert_string_equal(back.artifact.name, "atm-app");
    assert_string_equal(back.artifact.version, "4.7.2");
    assert_string_equal(back.artifact.url, payload.artifact.url);
    assert_string_equal(back.artifact.sha256, SHA256);
    assert_int_equal(back.artifact.size_bytes, 431996928);
    assert_true(json_equal(back.parameters, payload.parameters));
    instruction_payload_free(&back);
    instruction_payload_free(&payload);
    buffer_free(&content);
    buffer_free(&token);
}

/* Decodes base64url by OpenSSL, which supports base64 with padding only. */
static size_t decode_by_openssl(const char *text, size_t length, unsigned char *bytes)
{
    char padded[4096];
    assert_true(length + 3 < sizeof padded);
    size_t size = 0;
    for (; size < length; size++)
        padded[size] = text[size] == '-' ? '+' : text[size] == '_' ? '/' : text[size];
    size_t padding = (4 - length % 4) % 4;
    for (size_t i = 0; i < padding; i++)
        padded[size++] = '=';
    int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)padded, (int)size);
    assert_true(decoded >= (int)padding);
    return (size_t)decoded - padding;
}

static void an_independent_implementation_accepts_our_token(void **state)
{
    const struct fixture *fixture = *state;
    struct instruction_payload payload = example_payload();
    struct buffer content = {0};
    struct buffer token = {0};
    instruction_content_encode(&payload, &content);
    token_sign(fixture->key, &payload, content.bytes, &token);

    unsigned char public[48];
    unsigned char signature[96];
    unsigned char header[256];
    const char *first = strchr(token.bytes, '.');
    const char *last = strrchr(token.bytes, '.');
    assert_int_equal(decode_by_openssl(RFC_X, strlen(RFC_X), public), PUBLIC_KEY_SIZE);
    assert_int_equal(decode_by_openssl(last + 1, strlen(last + 1), signature), SIGNATURE_SIZE);
    size_t header_length = decode_by_openssl(token.bytes, (size_t)(first - token.bytes), header);
    static const char expected[] = "{\"alg\":\"EdDSA\",\"kid\":\"" RFC_THUMBPRINT "\",\"typ\":\"JWT\"}";
    assert_int_equal(header_length, strlen(expected));
    assert_memory_equal(header, expected, header_length);

    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, PUBLIC_KEY_SIZE);
    for (int damaged = 0; damaged <= 1; damaged++) {
        signature[10] ^= (unsigned char)damaged;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, key), 1);
        assert_int_equal(EVP_DigestVerify(context, signature, SIGNATURE_SIZE, (const unsigned char *)token.bytes,
                                          (size_t)(last - token.bytes)),
                         !damaged);
        EVP_MD_CTX_free(context);
    }
    EVP_PKEY_free(key);
    buffer_free(&content);
    buffer_free(&token);
}

static void no_changed_character_is_accepted(void **state)
{
    const struct fixture *fixture = *state;
    struct buffer token = {0};
    sign_raw(fixture, HEADER, "{" OWN "," INSTALL "}", &token);
    struct instruction_payload payload;
    assert_int_equal(token_verify(fixture->trusted, token.bytes, token.length, &payload, NULL), TC_OK);
    instruction_payload_free(&payload);
    for (size_t i = 0; i < token.length; i++) {
        char before = token.bytes[i];
        static const char others[] = "A_.=\n";
        for (const char *other = others; *other != '\0'; other++) {
            token.bytes[i] = *other;
            if (before != *other && token_verify(fixture->trusted, token.bytes, token.length, &payload, NULL) == TC_OK)
                fail_msg("accepted with '%c' at %zu", *other, i);
        }
        token.bytes[i] = before;
        assert_int_not_equal(token_verify(fixture->trusted, token.bytes, i, &payload, NULL), TC_OK);
    }
    buffer_put_text(&token, "A");
    assert_int_not_equal(token_verify(fixture->trusted, token.bytes, token.length, &payload, NULL), TC_OK);
    buffer_free(&token);
}

struct refused {
    const char *header, *payload;
    enum tc_error error;
    const char *fault;
};

static void assert_refused(const struct fixture *fixture, const struct refused *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer token = {0};
        sign_raw(fixture, cases[i].header, cases[i].payload, &token);
        struct instruction_payload payload;
        struct tc_fault fault = {.text = "none"};
        enum tc_error error = token_verify(fixture->trusted, token.bytes, token.length, &payload, &fault);
        if (error != cases[i].error || strncmp(fault.text, cases[i].fault, strlen(cases[i].fault)) != 0)
            fail_msg("%s %s: %s: %s", cases[i].header, cases[i].payload, tc_error_name(error), fault.text);
        assert_true(payload.device[0] == '\0' && payload.instruction == 0 && payload.parameters == NULL);
        buffer_free(&token);
    }
}

static void a_header_that_asks_for_anything_else_is_refused(void **state)
{
    static const char payload[] = "{" OWN "," INSTALL "}";
    static const struct refused cases[] = {
        {"{\"alg\":\"none\",\"kid\":\"" RFC_THUMBPRINT "\"}", payload, TC_INVALID, "header: alg: allowed:"},
        {"{\"alg\":\"HS256\",\"kid\":\"" RFC_THUMBPRINT "\"}", payload, TC_INVALID, "header: alg: allowed:"},
        {"{\"alg\":\"eddsa\",\"kid\":\"" RFC_THUMBPRINT "\"}", payload, TC_INVALID, "header: alg: allowed:"},
        {"{\"kid\":\"" RFC_THUMBPRINT "\"}", payload, TC_INVALID, "header: alg: is missing"},
        {"{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"kid\":\"a\"}", payload, TC_INVALID, "header: not JSON"},
        {"{\"alg\":\"EdDSA\"}", payload, TC_INVALID, "header: kid: is missing"},
        {"{\"alg\":\"EdDSA\",\"kid\":7}", payload, TC_INVALID, "header: kid: found 7"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"../key\"}", payload, TC_INVALID, "header: kid: found \"../key\""},
        {"{\"alg\":\"EdDSA\",\"kid\":\"other\"}", payload, TC_DENIED, "the key \"other\" is not trusted"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"" RFC_THUMBPRINT "\",\"crit\":[\"b64\"],\"b64\":false}", payload, TC_INVALID,
         "header: crit"},
        {"[]", payload, TC_INVALID, "header: found an array"},
        {"", payload, TC_INVALID, "header: not JSON"},
    };
    assert_refused(*state, cases, sizeof cases / sizeof *cases);
}

static void a_payload_with_a_wrong_claim_is_refused_and_the_claim_is_named(void **state)
{
#define WITHOUT_TIMES                                                                                                  \
    "\"instruction\":77,\"rollout\":42,\"attempt\":1,\"epoch\":5,\"nbf\":1,\"exp\":1,\"start_before\":1,\"jti\":\"77." \
    "1\""
    static const struct refused cases[] = {
        {HEADER, "", TC_INVALID, "not JSON"},
        {HEADER, "[]", TC_INVALID, "found an array"},
        {HEADER, "{}", TC_INVALID, "iss: is missing"},
        {HEADER, "{\"iss\":\"Tellercast\"}", TC_INVALID, "iss: allowed:"},
        {HEADER, "{\"iss\":\"tellercast\",\"aud\":[\"A7\"]}", TC_INVALID, "aud: found an array"},
        {HEADER, "{\"iss\":\"tellercast\",\"aud\":\"A/7\"}", TC_INVALID, "aud: found \"A/7\""},
        {HEADER, "{\"iss\":\"tellercast\",\"aud\":\"A7\",\"iat\":1.5," WITHOUT_TIMES "}", TC_INVALID, "iat: found 1.5"},
        {HEADER, "{\"iss\":\"tellercast\",\"aud\":\"A7\",\"iat\":-1," WITHOUT_TIMES "}", TC_INVALID, "iat: found -1"},
        {HEADER, "{\"iss\":\"tellercast\",\"aud\":\"A7\",\"iat\":253402300800," WITHOUT_TIMES "}", TC_INVALID, "iat"},
        {HEADER, "{" OWN ",\"aud\":\"A8\"," INSTALL "}", TC_INVALID, "not JSON at byte"},
        {HEADER, "{" OWN "}", TC_INVALID, "action: is missing"},
        {HEADER, "{" OWN ",\"nonce\":\"a b\"," INSTALL "}", TC_INVALID, "nonce: found \"a b\""},
        {HEADER, "{" OWN ",\"nonce\":7," INSTALL "}", TC_INVALID, "nonce: found 7"},
        {HEADER, "{" OWN ",\"recall\":0," INSTALL "}", TC_INVALID, "recall: found 0"},
        {HEADER, "{" ANSWER "}", TC_INVALID, "instruction: is missing"},
        {HEADER, "{" ANSWER ",\"nonce\":\"\"}", TC_INVALID, "instruction: is missing"},
        {HEADER, "{" ANSWER ",\"recall\":5}", TC_INVALID, "instruction: is missing"},
        {HEADER, "{" OWN ",\"action\":\"destroy\"}", TC_INVALID, "action: allowed:"},
        {HEADER, "{" OWN ",\"action\":\"install\"}", TC_INVALID, "artifact: is missing"},
        {HEADER, "{" OWN ",\"action\":\"install\",\"artifact\":[]}", TC_INVALID, "artifact: found an array"},
        {HEADER, "{" OWN ",\"action\":\"install\",\"artifact\":{\"name\":\"a\",\"version\":\"1\"}}", TC_INVALID,
         "artifact.url: is missing"},
        {HEADER, "{" OWN ",\"action\":\"install\",\"artifact\":{\"name\":\"a\",\"version\":\"1\",\"url\":\"\"}}",
         TC_INVALID, "artifact.url: is empty"},
        {HEADER, "{" OWN ",\"action\":\"install\",\"artifact\":{\"name\":\"../a\",\"version\":\"1\"}}", TC_INVALID,
         "artifact.name: found \"../a\""},
        {HEADER,
         "{" OWN ",\"action\":\"install\",\"artifact\":{\"name\":\"a\",\"version\":\"1\",\"url\":\"u\",\"size\":-1}}",
         TC_INVALID, "artifact.size: found -1"},
        {HEADER,
         "{" OWN ",\"action\":\"install\",\"artifact\":{\"name\":\"a\",\"version\":\"1\",\"url\":\"u\",\"size\":1,"
         "\"sha256\":\"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08\"}}",
         TC_INVALID, "artifact.sha256: allowed: 64"},
        {HEADER, "{" OWN ",\"action\":\"configure\",\"parameters\":[]}", TC_INVALID, "parameters: found an array"},
        {HEADER, "{" OWN ",\"action\":\"configure\",\"parameters\":{\"a\":1,\"a\":2}}", TC_INVALID, "not JSON"},
        {HEADER, "{" OWN ",\"action\":\"run\",\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", TC_INVALID, "nested deeper"},
    };
    assert_refused(*state, cases, sizeof cases / sizeof *cases);
}

static void a_jti_that_is_not_the_instructions_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    struct buffer payload = {0};
    buffer_put_text(&payload, "{" OWN "," INSTALL "}");
    char *jti = strstr(payload.bytes, "77.1");
    jti[3] = '2';
    struct refused wrong = {HEADER, payload.bytes, TC_INVALID, "jti: allowed: \"77.1\""};
    assert_refused(fixture, &wrong, 1);
    buffer_free(&payload);
}

static void an_action_without_a_download_needs_no_url(void **state)
{
    const struct fixture *fixture = *state;
    struct instruction_payload payload = example_payload();
    payload.action = ACTION_ROLLBACK;
    payload.artifact = (struct payload_artifact){.name = "atm-app"};
    struct buffer content = {0};
    struct buffer token = {0};
    instruction_content_encode(&payload, &content);
    assert_string_equal(content.bytes, "\"action\":\"rollback\",\"artifact\":{\"name\":\"atm-app\"}");
    token_sign(fixture->key, &payload, content.bytes, &token);
    struct instruction_payload back;
    assert_int_equal(token_verify(fixture->trusted, token.bytes, token.length, &back, NULL), TC_OK);
    assert_true(back.has_artifact);
    assert_string_equal(back.artifact.name, "atm-app");
    assert_string_equal(back.artifact.url, "");
    buffer_free(&content);
    buffer_free(&token);
}

static void an_answer_without_an_instruction_says_which_ask_it_answers(void **state)
{
    const struct fixture *fixture = *state;
    const struct instruction_payload payload = {.device = "A7",
                                                .epoch = 5,
                                                .issued_at_s = 1796083200,
                                                .not_before_s = 1796083200,
                                                .expires_s = 1796169600,
                                                .nonce = "n-1",
                                                .recall = 6,
                                                .recall_since_s = 1796000000};
    struct buffer token = {0};
    token_sign(fixture->key, &payload, "", &token);
    struct instruction_payload back;
    assert_int_equal(token_verify(fixture->trusted, token.bytes, token.length, &back, NULL), TC_OK);
    assert_string_equal(back.device, "A7");
    assert_int_equal(back.instruction, 0);
    assert_int_equal(back.epoch, 5);
    assert_int_equal(back.issued_at_s, 1796083200);
    assert_int_equal(back.expires_s, 1796169600);
    assert_string_equal(back.nonce, "n-1");
    assert_int_equal(back.recall, 6);
    assert_int_equal(back.recall_since_s, 1796000000);
    buffer_free(&token);
}

static void the_longest_order_still_makes_a_token_of_the_wire(void **state)
{
    const struct fixture *fixture = *state;
    struct instruction_payload payload = example_payload();
    memset(payload.device, 'd', TC_ID_MAX);
    payload.instruction = payload.rollout = payload.epoch = INT64_C(9007199254740991);
    payload.attempt = ATTEMPTS_MAX;
    memset(payload.nonce, 'n', TC_ID_MAX);
    payload.recall = INT64_C(9007199254740991);
    payload.recall_since_s = INT64_C(253402300799);
    payload.issued_at_s = payload.not_before_s = payload.expires_s = payload.start_before_s = INT64_C(253402300799);
    struct buffer content = {0};
    buffer_put_text(&content, "\"action\":\"configure\",\"parameters\":{\"x\":\"");
    while (content.length < INSTRUCTION_CONTENT_MAX - 2)
        buffer_put_text(&content, "x");
    buffer_put_text(&content, "\"}");
    struct tc_fault fault;
    assert_int_equal(instruction_content_check(content.bytes, content.length, &fault), TC_OK);
    struct buffer token = {0};
    token_sign(fixture->key, &payload, content.bytes, &token);
    assert_in_range(token.length, 1, TOKEN_SIZE_MAX - TC_ID_MAX * 2); /* a longer key ID fits, too */
    struct instruction_payload back;
    assert_int_equal(token_verify(fixture->trusted, token.bytes, token.length, &back, &fault), TC_OK);
    instruction_payload_free(&back);

    buffer_put_text(&content, " ");
    assert_int_equal(instruction_content_check(content.bytes, content.length, &fault), TC_TOO_LARGE);
    buffer_free(&content);
    buffer_free(&token);
    static const char nameless[] = "\"action\":\"install\"";
    assert_int_equal(instruction_content_check(nameless, strlen(nameless), &fault), TC_INVALID);
}

static void an_oversized_token_is_refused_unread(void **state)
{
    const struct fixture *fixture = *state;
    struct buffer token = {0};
    while (token.length <= TOKEN_SIZE_MAX)
        buffer_put_text(&token, "A");
    struct instruction_payload payload;
    struct tc_fault fault;
    assert_int_equal(token_verify(fixture->trusted, token.bytes, token.length, &payload, &fault), TC_TOO_LARGE);
    buffer_free(&token);
    assert_int_equal(token_verify(fixture->trusted, "", 0, &payload, &fault), TC_INVALID);
    assert_int_equal(token_verify(fixture->trusted, "..", 2, &payload, &fault), TC_INVALID);
    assert_int_equal(token_verify(fixture->trusted, "a.b.c.d", 7, &payload, &fault), TC_INVALID);
}

static void actions_are_known_by_their_names(void **state)
{
    (void)state;
    for (int i = ACTION_INSTALL; i <= ACTION_RUN; i++) {
        enum action action;
        assert_true(action_parse(action_name((enum action)i), &action));
        assert_int_equal(action, i);
        assert_int_equal(action_needs_artifact(action), i == ACTION_INSTALL);
    }
    enum action action;
    assert_false(action_parse("Install", &action));
}

/* ---- the page ------------------------------------------------------------------------------- */

static void the_token_on_the_protocol_page_is_a_real_one(void **state)
{
    const struct fixture *fixture = *state;
    struct buffer token = {0};
    struct buffer page = {0};
    struct instruction_payload payload = example_payload();
    struct buffer content = {0};
    instruction_content_encode(&payload, &content);
    token_sign(fixture->key, &payload, content.bytes, &token);
    assert_int_equal(file_read("docs/protocol.md", 1000000, &page, NULL), TC_OK);
    if (strstr(page.bytes, token.bytes) == NULL)
        fail_msg("docs/protocol.md should show this token: %s", token.bytes);
    buffer_free(&content);
    buffer_free(&page);
    buffer_free(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_read_back_as_it_was_signed),
        cmocka_unit_test(an_independent_implementation_accepts_our_token),
        cmocka_unit_test(no_changed_character_is_accepted),
        cmocka_unit_test(a_header_that_asks_for_anything_else_is_refused),
        cmocka_unit_test(a_payload_with_a_wrong_claim_is_refused_and_the_claim_is_named),
        cmocka_unit_test(a_jti_that_is_not_the_instructions_is_refused),
        cmocka_unit_test(an_action_without_a_download_needs_no_url),
        cmocka_unit_test(an_answer_without_an_instruction_says_which_ask_it_answers),
        cmocka_unit_test(the_longest_order_still_makes_a_token_of_the_wire),
        cmocka_unit_test(an_oversized_token_is_refused_unread),
        cmocka_unit_test(actions_are_known_by_their_names),
        cmocka_unit_test(the_token_on_the_protocol_page_is_a_real_one),
    };
    return cmocka_run_group_tests(tests, open_keys, close_keys);
}
