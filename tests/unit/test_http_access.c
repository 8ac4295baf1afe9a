/* Who may ask the HTTP endpoint. */
#include "base/file.h"
#include "orchestrator/metrics/metrics.h"
#include "tests/unit/http_fixture.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Writes a file with the token `secret` of ann. */
static void write_tokens(char tokens[static PATH_MAX])
{
    char sha256[65];
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const unsigned char *)"secret", 6);
    (void)sodium_bin2hex(sha256, sizeof sha256, digest, sizeof digest);
    struct buffer line = {0};
    buffer_format(&line, "ann %s\n", sha256);
    (void)snprintf(tokens, PATH_MAX, "%s/tokens", http_fixture_folder.path);
    assert_int_equal(file_replace(tokens, line.bytes, line.length, 0600, NULL), TC_OK);
    buffer_free(&line);
}

static void without_a_token_only_downloads_and_health_are_open(void **state)
{
    (void)state;
    char tokens[PATH_MAX];
    write_tokens(tokens);
    struct http_fixture fixture = http_fixture_open(tokens);
    static const char *const closed[] = {"GET /v1/rollouts", "GET /v1/rollouts/1", "GET /v1/rollouts/1/instructions",
                                         "GET /v1/devices",  "GET /v1/devices/A7", "GET /v1/artifacts"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        http_fixture_expect_of(&fixture, closed[i], 401, "WWW-Authenticate: Bearer\r\n");
    http_fixture_expect(http_fixture_submit(&fixture, YAML "Authorization: Bearer wrong\r\n", "plan", 4), 401, "");
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet", YAML "Tellercast-Author: ann\r\n", "x", 1), 401,
                        "");
    assert_int_equal(batch_queue_length(fixture.submissions), 0);

    int handle =
        http_fixture_submit(&fixture, YAML "Authorization: Bearer secret\r\nTellercast-Author: eve\r\n", "plan", 4);
    struct submission *submission = http_fixture_take(&fixture);
    assert_string_equal(submission->author, "ann");
    http_fixture_answer(submission, 201, "{}");
    http_fixture_expect(handle, 201, "{}");
    http_fixture_expect_of(&fixture, "GET /healthz", 200, "");
    http_fixture_expect_of(&fixture, "GET /metrics", 200, "");
    http_fixture_expect_of(
        &fixture, "GET /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000", 404, "");

    struct tc_fault fault;
    assert_int_equal(file_replace(tokens, "", 0, 0600, &fault), TC_OK);
    assert_int_equal(http_reload(fixture.http, &fault), TC_OK);
    http_fixture_expect(http_fixture_submit(&fixture, YAML "Authorization: Bearer secret\r\n", "plan", 4), 401, "");
    http_fixture_close(&fixture);
}

static void without_tokens_no_other_machine_and_no_other_name_is_served(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open("");
    struct http_fixture second = fixture;
    struct tc_fault fault;
    static const char *const others[] = {"0.0.0.0", "::", "192.0.2.1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(http_fixture_open_endpoint(&second, others[i], "", &fault), TC_DENIED);
    assert_int_equal(http_fixture_open_endpoint(&second, "example.org", "", &fault), TC_INVALID);
    second.is_insecure = false;
    assert_int_equal(http_fixture_open_endpoint(&second, "127.0.0.1", "", &fault), TC_DENIED);
    assert_non_null(strstr(fault.text, "http.tokens_file: must be set"));

    int handle = http_fixture_connect(&fixture);
    static const char lured[] = "GET /v1/rollouts HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    http_fixture_send(handle, lured, sizeof lured - 1);
    http_fixture_expect(handle, 421, "localhost");
    http_fixture_close(&fixture);
}

static void tokens_are_not_sent_over_a_network_without_tls(void **state)
{
    (void)state;
    char tokens[PATH_MAX];
    write_tokens(tokens);
    struct http_fixture fixture = http_fixture_open(tokens);
    struct http_fixture second = fixture;
    struct tc_fault fault;
    for (int insecure = 0; insecure <= 1; insecure++) {
        second.is_insecure = insecure == 1;
        assert_int_equal(http_fixture_open_endpoint(&second, "0.0.0.0", tokens, &fault), TC_DENIED);
        assert_non_null(strstr(fault.text, "http.certificate_file: must be set"));
    }
    http_fixture_close(&fixture);
}

static void expect_author(struct http_fixture *fixture, const char *headers, const char *author)
{
    int handle = http_fixture_submit(fixture, headers, "plan", 4);
    struct submission *submission = http_fixture_take(fixture);
    assert_string_equal(submission->author, author);
    http_fixture_answer(submission, 201, "{}");
    http_fixture_expect(handle, 201, "{}");
}

static void who_needs_no_token_is_the_subject_loopback_and_a_wrong_token_is_refused(void **state)
{
    (void)state;
    char tokens[PATH_MAX];
    write_tokens(tokens);
    struct http_fixture fixture = http_fixture_open(tokens);
    struct tc_fault fault;
    http_close(fixture.http);
    fixture.is_insecure = true;
    assert_int_equal(http_fixture_open_endpoint(&fixture, "127.0.0.1", tokens, &fault), TC_OK);
    int64_t denied = metric_value(METRIC_HTTP_DENIED);
    expect_author(&fixture, YAML, "loopback");
    expect_author(&fixture, YAML "Tellercast-Author: bob\r\n", "bob");
    expect_author(&fixture, YAML "Tellercast-Author: bob\r\nAuthorization: Bearer secret\r\n", "ann");
    http_fixture_expect(http_fixture_submit(&fixture, YAML "Authorization: Bearer wrong\r\n", "plan", 4), 401,
                        "unknown token");
    http_fixture_expect(
        http_fixture_submit(&fixture, YAML "Authorization: Basic eDp5\r\nTellercast-Author: eve\r\n", "plan", 4), 401,
        "a bearer token must be given");
    assert_int_equal(metric_value(METRIC_HTTP_DENIED), denied + 2);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    http_fixture_close(&fixture);
}

static void where_there_are_no_tokens_none_is_wrong(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open("");
    expect_author(&fixture, YAML "Authorization: Bearer secret\r\n", "loopback");
    http_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDPOINT_TEST(without_a_token_only_downloads_and_health_are_open),
        ENDPOINT_TEST(without_tokens_no_other_machine_and_no_other_name_is_served),
        ENDPOINT_TEST(tokens_are_not_sent_over_a_network_without_tls),
        ENDPOINT_TEST(who_needs_no_token_is_the_subject_loopback_and_a_wrong_token_is_refused),
        ENDPOINT_TEST(where_there_are_no_tokens_none_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
