#include "tests/unit/http_fixture.h"

#include <limits.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_SIZE = 50000 };

static unsigned char content[FILE_SIZE];
static char content_sha256[65];

static int put_content(const struct http_fixture *fixture, const char *sha256, size_t length)
{
    char line[160];
    (void)snprintf(line, sizeof line, "PUT /v1/artifacts/%s?name=atm-app&version=4.7.2", sha256);
    return http_fixture_ask(fixture, line, "", content, length);
}

static int get_content(const struct http_fixture *fixture, const char *method, const char *headers)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%s /v1/artifacts/%s", method, content_sha256);
    return http_fixture_ask(fixture, line, headers, "", 0);
}

static void expect_bytes(int handle, int status, size_t first, size_t count)
{
    size_t length = http_fixture_receive(handle, http_fixture_received);
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    assert_memory_equal(http_fixture_received, line, strlen(line));
    const char *body = strstr(http_fixture_received, "\r\n\r\n") + 4;
    assert_int_equal(length - (size_t)(body - http_fixture_received), count);
    assert_memory_equal(body, content + first, count);
}

static void a_stored_artifact_is_given_whole_or_in_part(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 201,
                        "\"url\":\"http://store.example/v1/artifacts/");
    assert_string_equal(http_fixture_last_read, "add atm-app 4.7.2 50000 by loopback");
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 200, "\"size\":50000");

    char etag[128], header[256];
    (void)snprintf(etag, sizeof etag, "\"%s\"", content_sha256);
    expect_bytes(get_content(&fixture, "GET", ""), 200, 0, FILE_SIZE);
    assert_non_null(strstr(http_fixture_received, etag));
    expect_bytes(get_content(&fixture, "HEAD", "Range: bytes=0-9\r\n"), 200, 0, 0);
    assert_non_null(strstr(http_fixture_received, "Content-Length: 50000\r\n"));
    expect_bytes(get_content(&fixture, "GET", "Range: bytes=100-\r\n"), 206, 100, FILE_SIZE - 100);
    assert_non_null(strstr(http_fixture_received, "Content-Range: bytes 100-49999/50000\r\n"));
    expect_bytes(get_content(&fixture, "GET", "Range: bytes=-1\r\nIf-Range: \"other\"\r\n"), 200, 0, FILE_SIZE);
    (void)snprintf(header, sizeof header, "Range: bytes=7-7\r\nIf-Range: %s\r\n", etag);
    expect_bytes(get_content(&fixture, "GET", header), 206, 7, 1);
    (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", etag);
    expect_bytes(get_content(&fixture, "GET", header), 304, 0, 0);
    http_fixture_expect(get_content(&fixture, "GET", "Range: bytes=50000-\r\n"), 416,
                        "Content-Range: bytes */50000\r\n");
    http_fixture_close(&fixture);
}

static void an_artifact_that_is_refused_leaves_nothing(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE - 1), 422, "SHA-256");
    http_fixture_store_answers = TC_CONFLICT;
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 409, "");
    http_fixture_store_answers = TC_UNAVAILABLE;
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 503, "");
    http_fixture_store_answers = TC_OK;
    char *large = calloc(1, (1 << 20) + 1);
    char line[160];
    (void)snprintf(line, sizeof line, "PUT /v1/artifacts/%s?name=atm-app&version=1", content_sha256);
    http_fixture_expect(http_fixture_ask(&fixture, line, "", large, (1 << 20) + 1), 413, "artifacts.size_limit");
    http_fixture_expect(http_fixture_ask(&fixture, line, "Content-Length: 0\r\n", "", 0), 422, "");
    int handle = http_fixture_ask(&fixture, line, "Transfer-Encoding: chunked\r\n", "", 0);
    http_fixture_send(handle, "0\r\n\r\n", 5);
    http_fixture_expect(handle, 411, "");
    line[strlen(line) - 1] = '\0';
    http_fixture_expect(http_fixture_ask(&fixture, line, "", "x", 1), 400, "version");
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/artifacts/ABC?name=a&version=1", "", "x", 1), 400,
                        "SHA-256");
    free(large);

    handle = http_fixture_ask(&fixture,
                              "PUT /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000"
                              "?name=a&version=1",
                              "Content-Length: 100\r\n", "", 0);
    assert_int_equal(close(handle), 0);
    http_fixture_close(&fixture);
    assert_int_equal(temporary_folder_count_files(&http_fixture_folder), 0);
}

static void cut_content(off_t length)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%.2s/%s", http_fixture_folder.path, content_sha256, content_sha256);
    assert_int_equal(truncate(path, length), 0);
}

static void a_damaged_artifact_is_not_given_until_it_was_added_again(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 201, "");
    cut_content(100);
    http_fixture_expect(get_content(&fixture, "GET", ""), 500, "it has 100 bytes, not 50000; add the artifact again");
    http_fixture_expect(get_content(&fixture, "HEAD", ""), 500, "");
    http_fixture_expect(get_content(&fixture, "GET", "Range: bytes=7-7\r\n"), 500, "");
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 201, "");
    expect_bytes(get_content(&fixture, "GET", ""), 200, 0, FILE_SIZE);
    http_fixture_close(&fixture);
}

static void the_size_of_what_was_stored_before_the_start_is_the_one_in_the_database(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 201, "");
    http_fixture_close(&fixture);
    fixture = http_fixture_open(true);
    cut_content(100);
    http_fixture_artifact_size = FILE_SIZE;
    http_fixture_store_answers = TC_UNAVAILABLE; /* devices check the digest */
    expect_bytes(get_content(&fixture, "GET", ""), 200, 0, 100);
    http_fixture_store_answers = TC_OK;
    http_fixture_expect(get_content(&fixture, "GET", ""), 500, "damaged");
    http_fixture_store_answers = TC_UNAVAILABLE;
    http_fixture_expect(get_content(&fixture, "GET", ""), 500, "damaged");
    http_fixture_close(&fixture);
}

static void a_blocked_artifact_is_not_given_and_agents_are_told_to_come_again(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_artifact_size = FILE_SIZE;
    http_fixture_artifact_is_blocked = true;
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 201, "");
    http_fixture_expect(get_content(&fixture, "GET", ""), 503, "blocked");
    http_fixture_expect(get_content(&fixture, "GET", "Range: bytes=7-7\r\n"), 503, "blocked");
    http_fixture_expect(put_content(&fixture, content_sha256, FILE_SIZE), 200,
                        ""); /* it must be read again, and cannot */
    http_fixture_store_answers = TC_UNAVAILABLE;
    http_fixture_expect(get_content(&fixture, "GET", ""), 503, "blocked");
    http_fixture_store_answers = TC_OK;
    http_fixture_artifact_is_blocked = false;
    http_fixture_artifact_size = 0;
    http_fixture_close(&fixture);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    randombytes_buf(content, sizeof content);
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, content, sizeof content);
    (void)sodium_bin2hex(content_sha256, sizeof content_sha256, digest, sizeof digest);
    const struct CMUnitTest tests[] = {
        ENDPOINT_TEST(a_stored_artifact_is_given_whole_or_in_part),
        ENDPOINT_TEST(an_artifact_that_is_refused_leaves_nothing),
        ENDPOINT_TEST(a_damaged_artifact_is_not_given_until_it_was_added_again),
        ENDPOINT_TEST(a_blocked_artifact_is_not_given_and_agents_are_told_to_come_again),
        ENDPOINT_TEST(the_size_of_what_was_stored_before_the_start_is_the_one_in_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
