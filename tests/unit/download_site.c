#include "tests/unit/download_site.h"

#include "base/file.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct body {
    const unsigned char *bytes;
    uint64_t length, breaks_at; /* 0: it does not */
    bool drips, is_endless;
};

static ssize_t read_body(void *context, uint64_t at, char *out, size_t most)
{
    const struct body *body = context;
    if (body->is_endless) {
        memset(out, 'e', most);
        return (ssize_t)most;
    }
    if (body->drips) {
        (void)poll(NULL, 0, DRIP_MS);
        most = 1;
    }
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
    bool is_half = behaviour == SHORTER || behaviour == SHORTER_WITHOUT_LENGTH;
    body->length = (behaviour == LONGER ? SIZE + 1000 : is_half ? SIZE / 2 : SIZE) - start;
    if (behaviour == PART_OF_RANGE)
        body->length = body->length < SIZE / 4 ? body->length : SIZE / 4;
    body->breaks_at = behaviour == BREAK_HALF_WAY           ? body->length / 2
                      : behaviour == IGNORE_RANGE_AND_BREAK ? SIZE / 2
                                                            : 0;
    body->drips = behaviour == DRIP;
    body->is_endless = behaviour == ENDLESS_ERROR;
    bool has_length = behaviour != SHORTER_WITHOUT_LENGTH && behaviour != ENDLESS_ERROR;
    return MHD_create_response_from_callback(has_length ? body->length : MHD_SIZE_UNKNOWN, 65536, read_body, body,
                                             free);
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

    bool is_503 = behaviour == ERROR_503 || behaviour == ENDLESS_ERROR;
    unsigned status = is_503 ? 503 : behaviour == ERROR_404 ? 404 : MHD_HTTP_OK;
    uint64_t start = 0;
    if (status == MHD_HTTP_OK && range != NULL && behaviour != IGNORE_RANGE && behaviour != IGNORE_RANGE_AND_BREAK) {
        status = MHD_HTTP_PARTIAL_CONTENT;
        start = behaviour == WRONG_RANGE ? 5 : strtoull(range + strlen("bytes="), NULL, 10);
    }
    const char *login = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Proxy-Authorization");
    (void)snprintf(fixture->proxy_login, sizeof fixture->proxy_login, "%s", login == NULL ? "" : login);
    if (behaviour == REDIRECT_TO_ITSELF || behaviour == REDIRECT_TO_USER)
        status = MHD_HTTP_FOUND;
    if (behaviour == REFUSE_PROXY)
        status = MHD_HTTP_PROXY_AUTHENTICATION_REQUIRED;
    static char page[] = "an error";
    struct MHD_Response *response = status >= 300 && behaviour != ENDLESS_ERROR
                                        ? MHD_create_response_from_buffer(strlen(page), page, MHD_RESPMEM_PERSISTENT)
                                        : artifact_response(fixture, behaviour, start);
    (void)MHD_add_response_header(response, "ETag", "\"v1\"");
    if (status == MHD_HTTP_PARTIAL_CONTENT)
        add_content_range(response, start);
    if (status == MHD_HTTP_FOUND)
        (void)MHD_add_response_header(response, "Location",
                                      behaviour == REDIRECT_TO_ITSELF ? "/a" : "http://s3cr/et@files.invalid/a");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

int site_set_up(void **state)
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
        .time_left_ms = 60000,
        .limits = {.max_bytes = 1 << 20,
                   .connect_ms = 5000,
                   .stall_ms = 5000,
                   .tries = 3,
                   .longest_ms = 60000,
                   .backoff_first_ms = 1,
                   .backoff_longest_ms = 2},
    };
    *state = fixture;
    return 0;
}

int site_tear_down(void **state)
{
    struct fixture *fixture = *state;
    MHD_stop_daemon(fixture->server);
    temporary_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

void site_run(struct fixture *fixture, const char *code)
{
    download_run(&fixture->request, &fixture->result);
    assert_string_equal(fixture->result.code, code);
}

bool site_has_left(const struct fixture *fixture, const char *suffix)
{
    char path[PATH_MAX + SHA256_HEX_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/%s%s", fixture->artifacts, fixture->sha256, suffix);
    return access(path, F_OK) == 0;
}

void site_check_whole(struct fixture *fixture)
{
    struct buffer content = {0};
    assert_int_equal(file_read(fixture->result.path, SIZE, &content, NULL), TC_OK);
    assert_int_equal(content.length, SIZE);
    assert_memory_equal(content.bytes, fixture->bytes, SIZE);
    buffer_free(&content);
    assert_false(site_has_left(fixture, ".part"));
    assert_false(site_has_left(fixture, ".etag"));
}
