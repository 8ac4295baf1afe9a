#include "tests/unit/http_hall.h"

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

static int put_content(const struct hall *hall, const char *sha256, size_t length)
{
    char line[160];
    (void)snprintf(line, sizeof line, "PUT /v1/artifacts/%s?name=atm-app&version=4.7.2", sha256);
    return hall_ask(hall, line, "", content, length);
}

static int get_content(const struct hall *hall, const char *method, const char *headers)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%s /v1/artifacts/%s", method, content_sha256);
    return hall_ask(hall, line, headers, "", 0);
}

static void expect_bytes(int handle, int status, size_t first, size_t count)
{
    size_t length = hall_hear(handle, hall_heard);
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    assert_memory_equal(hall_heard, line, strlen(line));
    const char *body = strstr(hall_heard, "\r\n\r\n") + 4;
    assert_int_equal(length - (size_t)(body - hall_heard), count);
    assert_memory_equal(body, content + first, count);
}

static void a_stored_artifact_is_given_whole_or_in_part(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 201, "\"url\":\"http://store.example/v1/artifacts/");
    assert_string_equal(hall_last_read, "add atm-app 4.7.2 50000 by local");
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 200, "\"size\":50000");

    char etag[128], header[256];
    (void)snprintf(etag, sizeof etag, "\"%s\"", content_sha256);
    expect_bytes(get_content(&hall, "GET", ""), 200, 0, FILE_SIZE);
    assert_non_null(strstr(hall_heard, etag));
    expect_bytes(get_content(&hall, "HEAD", "Range: bytes=0-9\r\n"), 200, 0, 0);
    assert_non_null(strstr(hall_heard, "Content-Length: 50000\r\n"));
    expect_bytes(get_content(&hall, "GET", "Range: bytes=100-\r\n"), 206, 100, FILE_SIZE - 100);
    assert_non_null(strstr(hall_heard, "Content-Range: bytes 100-49999/50000\r\n"));
    expect_bytes(get_content(&hall, "GET", "Range: bytes=-1\r\nIf-Range: \"other\"\r\n"), 200, 0, FILE_SIZE);
    (void)snprintf(header, sizeof header, "Range: bytes=7-7\r\nIf-Range: %s\r\n", etag);
    expect_bytes(get_content(&hall, "GET", header), 206, 7, 1);
    (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", etag);
    expect_bytes(get_content(&hall, "GET", header), 304, 0, 0);
    hall_expect(get_content(&hall, "GET", "Range: bytes=50000-\r\n"), 416, "Content-Range: bytes */50000\r\n");
    hall_close(&hall);
}

static void an_artifact_that_is_refused_leaves_nothing(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE - 1), 422, "SHA-256");
    hall_store_answers = TC_CONFLICT;
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 409, "");
    hall_store_answers = TC_UNAVAILABLE;
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 503, "");
    hall_store_answers = TC_OK;
    char *large = calloc(1, (1 << 20) + 1);
    char line[160];
    (void)snprintf(line, sizeof line, "PUT /v1/artifacts/%s?name=atm-app&version=1", content_sha256);
    hall_expect(hall_ask(&hall, line, "", large, (1 << 20) + 1), 413, "artifacts.size_limit");
    hall_expect(hall_ask(&hall, line, "Content-Length: 0\r\n", "", 0), 422, "");
    int handle = hall_ask(&hall, line, "Transfer-Encoding: chunked\r\n", "", 0);
    hall_say(handle, "0\r\n\r\n", 5);
    hall_expect(handle, 411, "");
    line[strlen(line) - 1] = '\0';
    hall_expect(hall_ask(&hall, line, "", "x", 1), 400, "version");
    hall_expect(hall_ask(&hall, "PUT /v1/artifacts/ABC?name=a&version=1", "", "x", 1), 400, "SHA-256");
    free(large);

    handle = hall_ask(&hall,
                      "PUT /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000"
                      "?name=a&version=1",
                      "Content-Length: 100\r\n", "", 0);
    assert_int_equal(close(handle), 0);
    hall_close(&hall);
    assert_int_equal(temporary_folder_count_files(&hall_folder), 0);
}

static void cut_content(off_t length)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%.2s/%s", hall_folder.path, content_sha256, content_sha256);
    assert_int_equal(truncate(path, length), 0);
}

static void a_damaged_artifact_is_not_given_until_it_was_added_again(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 201, "");
    cut_content(100);
    hall_expect(get_content(&hall, "GET", ""), 500, "it has 100 bytes, not 50000; add the artifact again");
    hall_expect(get_content(&hall, "HEAD", ""), 500, "");
    hall_expect(get_content(&hall, "GET", "Range: bytes=7-7\r\n"), 500, "");
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 201, "");
    expect_bytes(get_content(&hall, "GET", ""), 200, 0, FILE_SIZE);
    hall_close(&hall);
}

static void the_size_of_what_was_stored_before_the_start_is_the_one_in_the_database(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_expect(put_content(&hall, content_sha256, FILE_SIZE), 201, "");
    hall_close(&hall);
    hall = hall_open("");
    cut_content(100);
    hall_artifact_size = FILE_SIZE;
    hall_store_answers = TC_UNAVAILABLE; /* devices check the digest */
    expect_bytes(get_content(&hall, "GET", ""), 200, 0, 100);
    hall_store_answers = TC_OK;
    hall_expect(get_content(&hall, "GET", ""), 500, "damaged");
    hall_store_answers = TC_UNAVAILABLE;
    hall_expect(get_content(&hall, "GET", ""), 500, "damaged");
    hall_close(&hall);
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
        DOOR_TEST(a_stored_artifact_is_given_whole_or_in_part),
        DOOR_TEST(an_artifact_that_is_refused_leaves_nothing),
        DOOR_TEST(a_damaged_artifact_is_not_given_until_it_was_added_again),
        DOOR_TEST(the_size_of_what_was_stored_before_the_start_is_the_one_in_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
