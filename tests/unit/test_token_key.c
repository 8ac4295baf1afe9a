#include "topics/token_key.h"

#include "tests/unit/rfc8037.h"
#include "tests/unit/temporary_folder.h"
#include "topics/base64url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void the_thumbprint_of_rfc_8037_names_a_key_without_a_name(void **state)
{
    const struct fixture *fixture = *state;
    assert_string_equal(signing_key_id(fixture->key), RFC_THUMBPRINT);
}

static void the_signature_of_rfc_8037_is_made_and_accepted(void **state)
{
    const struct fixture *fixture = *state;
    static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    unsigned char signature[SIGNATURE_SIZE];
    signing_key_sign(fixture->key, input, strlen(input), signature);
    struct buffer text = {0};
    base64url_put(&text, signature, sizeof signature);
    assert_string_equal(text.bytes,
                        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    buffer_free(&text);
    assert_int_equal(trusted_keys_verify(fixture->trusted, RFC_THUMBPRINT, input, strlen(input), signature, NULL),
                     TC_OK);
    signature[0] ^= 1;
    assert_int_equal(trusted_keys_verify(fixture->trusted, RFC_THUMBPRINT, input, strlen(input), signature, NULL),
                     TC_DENIED);
}

static void base64url_has_one_spelling_a_value(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    static const char *const wrong[] = {"A", "AA==", "AAA=", "AB", "AAB", "A A", "AA\n", "A+AA", "A/AA", "AAAAA"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(base64url_read(wrong[i], strlen(wrong[i]), &bytes));
    char late[1029];
    memset(late, 'A', sizeof late);
    late[sizeof late - 1] = '=';
    assert_false(base64url_read(late, sizeof late, &bytes));
    assert_int_equal(bytes.length, 0);
    for (size_t length = 0; length < 3000; length += 7) {
        struct buffer text = {0};
        char raw[3000];
        for (size_t i = 0; i < length; i++)
            raw[i] = (char)(i * 31 + length);
        base64url_put(&text, raw, length);
        assert_int_equal(text.length, (length * 4 + 2) / 3);
        buffer_clear(&bytes);
        assert_true(base64url_read(buffer_text(&text), text.length, &bytes));
        assert_int_equal(bytes.length, length);
        assert_memory_equal(buffer_text(&bytes), raw, length);
        buffer_free(&text);
    }
    buffer_free(&bytes);
}

static void a_new_key_is_private_and_never_replaced(void **state)
{
    (void)state;
    struct temporary_folder folder;
    char path[PATH_MAX];
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "key.json", path);
    struct tc_fault fault = {.text = "none"};
    if (signing_key_create(path, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    struct signing_key *key;
    assert_int_equal(signing_key_open(path, &key, &fault), TC_OK);
    assert_int_equal(signing_key_create(path, &fault), TC_CONFLICT);
    struct signing_key *again;
    assert_int_equal(signing_key_open(path, &again, &fault), TC_OK);
    assert_string_equal(signing_key_id(key), signing_key_id(again));

    struct buffer set = {0};
    signing_key_public_set(key, &set);
    assert_null(strstr(set.bytes, "\"d\""));
    struct trusted_keys *trusted;
    assert_int_equal(trusted_keys_parse(set.bytes, set.length, &trusted, &fault), TC_OK);
    unsigned char signature[SIGNATURE_SIZE];
    signing_key_sign(again, "text", 4, signature);
    assert_int_equal(trusted_keys_verify(trusted, signing_key_id(key), "text", 4, signature, &fault), TC_OK);
    assert_int_equal(trusted_keys_verify(trusted, signing_key_id(key), "texts", 5, signature, &fault), TC_DENIED);
    buffer_free(&set);
    trusted_keys_close(trusted);
    signing_key_close(key);
    signing_key_close(again);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(signing_key_open(path, &key, &fault), TC_NOT_FOUND);
    assert_null(key);
    temporary_folder_remove(&folder);
}

static void a_private_key_that_is_not_one_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{}",
        RFC_PUBLIC,
        "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"" RFC_X
        "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"" RFC_X
        "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"AWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"" RFC_X
        "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGx\",\"x\":\"" RFC_X "\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct signing_key *key;
        assert_int_equal(signing_key_parse(wrong[i], strlen(wrong[i]), &key, NULL), TC_INVALID);
        assert_null(key);
    }
}

static void a_trusted_set_holds_public_ed25519_keys_each_once(void **state)
{
    (void)state;
#define OTHER "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"old\",\"x\":\"" RFC_X "\"}"
#define FOREIGN "{\"kty\":\"RSA\",\"kid\":\"web\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"
    static const struct {
        const char *document;
        enum tc_error error;
    } cases[] = {
        {"{\"keys\":[" RFC_PUBLIC "," OTHER "," FOREIGN "]}", TC_OK},
        {"{\"keys\":[" FOREIGN "]}", TC_INVALID},
        {"{\"keys\":[]}", TC_INVALID},
        {"{\"keys\":[1]}", TC_INVALID},
        {"{}", TC_INVALID},
        {"{\"keys\":[" RFC_PRIVATE "]}", TC_INVALID},
        {"{\"keys\":[" OTHER "," OTHER "]}", TC_INVALID},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}", TC_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trusted_keys *keys;
        struct tc_fault fault = {.text = "none"};
        enum tc_error error = trusted_keys_parse(cases[i].document, strlen(cases[i].document), &keys, &fault);
        if (error != cases[i].error)
            fail_msg("%s: %s", cases[i].document, fault.text);
        assert_int_equal(keys != NULL, error == TC_OK);
        trusted_keys_close(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thumbprint_of_rfc_8037_names_a_key_without_a_name),
        cmocka_unit_test(the_signature_of_rfc_8037_is_made_and_accepted),
        cmocka_unit_test(base64url_has_one_spelling_a_value),
        cmocka_unit_test(a_new_key_is_private_and_never_replaced),
        cmocka_unit_test(a_private_key_that_is_not_one_is_refused),
        cmocka_unit_test(a_trusted_set_holds_public_ed25519_keys_each_once),
    };
    return cmocka_run_group_tests(tests, open_keys, close_keys);
}
