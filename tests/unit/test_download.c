#include "base/file.h"
#include "clients/agent/download.h"
#include "tests/unit/temporary_folder.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { SIZE = 300000, URL_SIZE = 128, FAULTS_MAX = 8 };

/* How the server answers a request: the plan's steps are used up one by one, the last for ever. */
enum behaviour { WHOLE, BREAK_HALF_WAY, ERROR_503, ERROR_404, IGNORE_RANGE, CHANGED, LONGER, SHORTER, WRONG_RANGE };

struct fixture {
    struct temporary_folder folder;
    char artifacts[PATH_MAX], url[URL_SIZE], sha256[SHA256_HEX_SIZE];
    unsigned char bytes[SIZE];
    struct MHD_Daemon *server;
    enum behaviour plan[FAULTS_MAX];
    atomic_int requests;
    char ranges[FAULTS_MAX][64], if_ranges[FAULTS_MAX][64];
    struct download_request request;
    struct download_result result;
};

struct body {
    const unsigned char *bytes;
    uint64_t length, breaks_at; /* 0: it does not */
};

static ssize_t read_body(void *context, uint64_t at, char *out, size_t most)
{
    const struct body *body = context;
    uint64_t end = body->breaks_at == 0 ? body->length : body->breaks_at;
    if (at >= end)
        return body->breaks_at == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    size_t length = end - at < most ? (size_t)(end - at) : most;
    memcpy(out, body->bytes + at, length);
    return (ssize_t)length;
}

static struct MHD_Response *artifact_response(const struct fixture *fixture, enum behaviour behaviour, uint64_t start)
{
    static const unsigned char other[SIZE + 1000];
    struct body *body = calloc(1, sizeof *body);
    body->bytes = (behaviour == CHANGED || behaviour == LONGER ? other : fixture->bytes) + start;
    body->length = (behaviour == LONGER ? SIZE + 1000 : behaviour == SHORTER ? SIZE / 2 : SIZE) - start;
    body->breaks_at = behaviour == BREAK_HALF_WAY ? body->length / 2 : 0;
    return MHD_create_response_from_callback(body->length, 65536, read_body, body, free);
}

static void add_content_range(struct MHD_Response *response, uint64_t start)
{
    char text[64];
    (void)snprintf(text, sizeof text, "bytes %" PRIu64 "-%d/%d", start, SIZE - 1, SIZE);
    assert_int_equal(MHD_add_response_header(response, "Content-Range", text), MHD_YES);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request)
{
    struct fixture *fixture = context;
    (void)url, (void)method, (void)version, (void)upload, (void)upload_size, (void)request;
    int number = atomic_fetch_add(&fixture->requests, 1);
    int step = number < FAULTS_MAX ? number : FAULTS_MAX - 1;
    enum behaviour behaviour = fixture->plan[step];
    const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    const char *if_range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
    (void)snprintf(fixture->ranges[step], sizeof fixture->ranges[step], "%s", range == NULL ? "" : range);
    (void)snprintf(fixture->if_ranges[step], sizeof fixture->if_ranges[step], "%s", if_range == NULL ? "" : if_range);

    unsigned status = behaviour == ERROR_503 ? 503 : behaviour == ERROR_404 ? 404 : MHD_HTTP_OK;
    uint64_t start = 0;
    if (status == MHD_HTTP_OK && range != NULL && behaviour != IGNORE_RANGE) {
        status = MHD_HTTP_PARTIAL_CONTENT;
        start = behaviour == WRONG_RANGE ? 5 : strtoull(range + strlen("bytes="), NULL, 10);
    }
    static char page[] = "an error";
    struct MHD_Response *response = status >= 400
                                        ? MHD_create_response_from_buffer(strlen(page), page, MHD_RESPMEM_PERSISTENT)
                                        : artifact_response(fixture, behaviour, start);
    (void)MHD_add_response_header(response, "ETag", "\"v1\"");
    if (status == MHD_HTTP_PARTIAL_CONTENT)
        add_content_range(response, start);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    unsigned char digest[crypto_hash_sha256_BYTES];
    temporary_folder_make(&fixture->folder);
    (void)temporary_path(&fixture->folder, "artifacts", fixture->artifacts);
    randombytes_buf(fixture->bytes, sizeof fixture->bytes);
    crypto_hash_sha256(digest, fixture->bytes, sizeof fixture->bytes);
    (void)sodium_bin2hex(fixture->sha256, sizeof fixture->sha256, digest, sizeof digest);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fixture->server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, fixture,
                                       MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    assert_non_null(fixture->server);
    (void)snprintf(fixture->url, sizeof fixture->url, "http://127.0.0.1:%d/a",
                   MHD_get_daemon_info(fixture->server, MHD_DAEMON_INFO_BIND_PORT)->port);
    fixture->request = (struct download_request){
        .url = fixture->url,
        .folder = fixture->artifacts,
        .sha256 = fixture->sha256,
        .size_bytes = SIZE,
        .limits = {.most_bytes = 1 << 20,
                   .connect_ms = 5000,
                   .stall_ms = 5000,
                   .tries = 3,
                   .backoff_first_ms = 1,
                   .backoff_most_ms = 2},
    };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    MHD_stop_daemon(fixture->server);
    temporary_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static void run(struct fixture *fixture, const char *code)
{
    download_run(&fixture->request, &fixture->result);
    assert_string_equal(fixture->result.code, code);
}

static bool exists(const struct fixture *fixture, const char *suffix)
{
    char path[PATH_MAX + SHA256_HEX_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/%s%s", fixture->artifacts, fixture->sha256, suffix);
    return access(path, F_OK) == 0;
}

static void check_whole(struct fixture *fixture)
{
    struct buffer content = {0};
    assert_int_equal(file_read(fixture->result.path, SIZE, &content, NULL), TC_OK);
    assert_int_equal(content.length, SIZE);
    assert_memory_equal(content.bytes, fixture->bytes, SIZE);
    buffer_free(&content);
    assert_false(exists(fixture, ".part"));
    assert_false(exists(fixture, ".etag"));
}

static void a_whole_artifact_is_fetched_once(void **state)
{
    struct fixture *fixture = *state;
    run(fixture, "");
    check_whole(fixture);
    assert_string_equal(fixture->ranges[0], "");
    run(fixture, "");
    assert_int_equal(fixture->requests, 1);
}

static void a_broken_download_goes_on_where_it_broke(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    run(fixture, "");
    check_whole(fixture);
    assert_int_equal(fixture->requests, 2);
    assert_string_equal(fixture->ranges[1], "bytes=150000-");
    assert_string_equal(fixture->if_ranges[1], "\"v1\"");
}

static void a_later_run_resumes_what_an_earlier_one_left(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = ERROR_404;
    run(fixture, "download_failed");
    assert_true(exists(fixture, ".part"));
    run(fixture, "");
    check_whole(fixture);
    assert_string_equal(fixture->ranges[2], "bytes=150000-");
    assert_string_equal(fixture->if_ranges[2], "\"v1\"");
}

static void a_server_that_sends_all_again_is_taken_from_the_start(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = IGNORE_RANGE;
    run(fixture, "");
    check_whole(fixture);
}

static void a_range_that_was_not_asked_for_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = WRONG_RANGE;
    run(fixture, "");
    check_whole(fixture);
    assert_int_equal(fixture->requests, 3);
}

static void connections_that_bring_bytes_are_not_counted_against_the_tries(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 6; i++)
        fixture->plan[i] = BREAK_HALF_WAY;
    run(fixture, "");
    check_whole(fixture);
    assert_int_equal(fixture->requests, 7);
}

static void a_server_in_trouble_is_tried_again_and_given_up(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FAULTS_MAX; i++)
        fixture->plan[i] = ERROR_503;
    run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 3);
    assert_string_equal(fixture->result.detail, "the server answers 503");
}

static void what_is_not_there_is_not_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = ERROR_404;
    run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 1);
}

static void a_wrong_digest_gets_one_fresh_try(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = CHANGED;
    run(fixture, "");
    check_whole(fixture);
    assert_string_equal(fixture->ranges[1], "");
}

static void a_wrong_digest_twice_is_a_failure_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = CHANGED;
    fixture->plan[1] = CHANGED;
    run(fixture, "digest_mismatch");
    assert_int_equal(fixture->requests, 2);
    assert_false(exists(fixture, ""));
    assert_false(exists(fixture, ".part"));
}

static void more_bytes_than_ordered_are_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct stat part;
    char path[PATH_MAX + SHA256_HEX_SIZE + 8];
    fixture->plan[0] = LONGER;
    run(fixture, "size_mismatch");
    (void)snprintf(path, sizeof path, "%s/%s.part", fixture->artifacts, fixture->sha256);
    assert_true(stat(path, &part) != 0 || part.st_size <= SIZE);
}

static void fewer_bytes_than_ordered_are_a_failure(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = SHORTER;
    run(fixture, "size_mismatch");
}

static void an_artifact_over_the_device_s_limit_is_not_begun(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.limits.most_bytes = SIZE - 1;
    run(fixture, "artifact_too_large");
    assert_int_equal(fixture->requests, 0);
}

static void an_artifact_that_the_disk_has_no_room_for_is_not_begun(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.limits.most_bytes = INT64_MAX;
    fixture->request.size_bytes = INT64_C(1) << 55;
    run(fixture, "disk_full");
    assert_int_equal(fixture->requests, 0);
}

static void no_file_and_no_other_protocol_is_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.url = "file:///etc/passwd";
    run(fixture, "download_failed");
}

static void a_stop_is_obeyed(void **state)
{
    struct fixture *fixture = *state;
    static const atomic_bool stop = true;
    fixture->request.stop = &stop;
    run(fixture, "agent_stopped");
}

static void only_the_artifact_in_use_is_kept(void **state)
{
    struct fixture *fixture = *state;
    char other[PATH_MAX + SHA256_HEX_SIZE + 8];
    run(fixture, "");
    (void)snprintf(other, sizeof other, "%s/%064d.part", fixture->artifacts, 0);
    assert_int_equal(file_replace(other, "x", 1, 0600, NULL), TC_OK);
    download_keep_only(fixture->artifacts, fixture->sha256);
    assert_true(exists(fixture, ""));
    assert_int_not_equal(access(other, F_OK), 0);
    download_keep_only(fixture->artifacts, "");
    assert_false(exists(fixture, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_artifact_is_fetched_once),
        TEST(a_broken_download_goes_on_where_it_broke),
        TEST(a_later_run_resumes_what_an_earlier_one_left),
        TEST(a_server_that_sends_all_again_is_taken_from_the_start),
        TEST(a_range_that_was_not_asked_for_is_not_written),
        TEST(connections_that_bring_bytes_are_not_counted_against_the_tries),
        TEST(a_server_in_trouble_is_tried_again_and_given_up),
        TEST(what_is_not_there_is_not_asked_for_again),
        TEST(a_wrong_digest_gets_one_fresh_try),
        TEST(a_wrong_digest_twice_is_a_failure_and_leaves_nothing),
        TEST(more_bytes_than_ordered_are_not_taken),
        TEST(fewer_bytes_than_ordered_are_a_failure),
        TEST(an_artifact_over_the_device_s_limit_is_not_begun),
        TEST(an_artifact_that_the_disk_has_no_room_for_is_not_begun),
        TEST(no_file_and_no_other_protocol_is_read),
        TEST(a_stop_is_obeyed),
        TEST(only_the_artifact_in_use_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
