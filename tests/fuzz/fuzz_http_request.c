/* For any bytes through the HTTP endpoint: each request that begins also ends, is answered once it is complete, and has
 * no effect without a token where one is required; submissions and jobs that result are valid. The bytes go through
 * libmicrohttpd and everything below it, over a pair of sockets and on one thread, which is also the job thread and the
 * planner. The first two bytes: the size of the pieces (at most PIECES of them, since each costs system calls), and
 * which thread answers which request. */
#include "base/file.h"
#include "base/log.h"
#include "orchestrator/intake/http_connection.h"
#include "tests/unit/http_stubs.h"
#include "tests/unit/temporary_folder.h"
#include "topics/topic.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD = 2,
    PIECE_BITS = 14,
    PIECES = 64,
    QUEUE = 16,
    CONNECTION_MEMORY = 32 * 1024,
    STILL_ROUNDS = 3, /* rounds without anything new: nothing more will come */
    ANSWER_MS = 600000,
};

/* The token of ann, see people_stubs.h; and the SHA-256 of the only stored artifact. */
#define TOKEN "secret-of-ann"
#define ARTIFACT "tellercast\n"
#define ARTIFACT_DIGEST "6682ec58b3a864f0aa9113c350c7bbe92dc5d2ef5eb67d69bb6ed357cb0c73ce"

static const enum tc_error store_answers[] = {TC_OK, TC_NOT_FOUND, TC_CONFLICT, TC_TOO_LARGE};

struct fixture {
    struct http http;
    struct batch_queue *submissions;
    struct temporary_folder folder;
    bool is_open;
    /* Of this input. */
    int handle;
    size_t received, open_requests;
    bool has_token;
};

static struct fixture fixture;

/* ---- checks of each request ---- */

static void *begin(void *context, const char *uri, struct MHD_Connection *connection)
{
    fixture.open_requests++;
    return http_connection_begin(context, uri, connection);
}

static void end(void *context, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code)
{
    const struct http_request *request = *slot;
    TC_CHECK(request != NULL && fixture.open_requests > 0);
    bool passed = request->route != NULL && request->status != 401 && request->status != 403 && request->status != 0;
    TC_CHECK(request->status == 0 || (request->status >= 200 && request->status < 600));
    TC_CHECK(request->phase != HTTP_ANSWERED || request->status != 0);
    TC_CHECK(request->phase != HTTP_WAITING);
    bool is_open = request->route != NULL && (access_operation_is_public(request->route->operation) ||
                                              request->route->operation == ACCESS_DOWNLOAD); /* without issuers */
    if (passed && !fixture.http.config.insecure_loopback && !is_open)
        TC_CHECK(fixture.has_token && strcmp(request->subject.name, "ann") == 0);
    fixture.open_requests--;
    http_connection_end(context, connection, slot, code);
}

static void ignore_fleet(void *context)
{
    (void)context;
}

static void describe_health(void *context, struct intake_health *health)
{
    (void)context;
    *health = (struct intake_health){.ready = true, .broker = "ok", .database = "ok", .cache = "ok"};
}

/* ---- the endpoint ---- */

static enum tc_error note_artifact(void *context, struct tc_fault *fault)
{
    (void)context, (void)fault;
    return TC_OK;
}

static void keep_artifact(struct artifact_store *store)
{
    struct artifact_upload *upload;
    TC_CHECK(artifact_upload_open(store, "ann", ARTIFACT_DIGEST, (int64_t)strlen(ARTIFACT), &upload, NULL) == TC_OK);
    TC_CHECK(artifact_upload_write(upload, ARTIFACT, strlen(ARTIFACT), NULL) == TC_OK);
    bool existed;
    struct tc_fault fault;
    TC_CHECK(artifact_upload_commit(upload, note_artifact, NULL, &existed, &fault) == TC_OK);
    artifact_upload_close(upload);
}

static void remove_folder(void)
{
    temporary_folder_remove(&fixture.folder);
}

static void fill_config(struct http_config *config)
{
    *config = (struct http_config){
        .public_url = "https://store.example/",
        .artifact_size_limit = 1 << 20,
        .fleet_size_limit = 1 << 16,
        .preview = &http_fixture_preview,
        .scheduler_wakes = batch_queue_open(1, 1),
        .conductor_wakes = batch_queue_open(1, 1),
        .describe_health = describe_health,
        .fleet_changed = ignore_fleet,
    };
    TC_CHECK(submission_gateway_open(fixture.submissions, ANSWER_MS, &config->gateway, NULL) == TC_OK);
    TC_CHECK(artifact_store_open(fixture.folder.path, INT64_C(1) << 50, &config->artifacts, NULL) == TC_OK);
    keep_artifact(config->artifacts);
    http_fixture_artifact_size = (int64_t)strlen(ARTIFACT);
}

static void open_fixture(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    (void)signal(SIGPIPE, SIG_IGN);
    temporary_folder_make(&fixture.folder);
    (void)atexit(remove_folder);
    fixture.submissions = batch_queue_open(sizeof(struct submission *), QUEUE);
    fixture.http.jobs = batch_queue_open(sizeof(struct http_request *), QUEUE);
    TC_CHECK(pthread_mutex_init(&fixture.http.fleet_import, NULL) == 0);
    fill_config(&fixture.http.config);
    fixture.http.daemon =
        MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_connection_advance,
                         &fixture.http, MHD_OPTION_URI_LOG_CALLBACK, begin, &fixture.http, MHD_OPTION_NOTIFY_COMPLETED,
                         end, &fixture.http, MHD_OPTION_NOTIFY_CONNECTION, http_connection_note, NULL,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    TC_CHECK(fixture.http.daemon != NULL);
    fixture.is_open = true;
}

/* ---- the work of the other threads  */

static bool do_job(void)
{
    struct http_request *request;
    if (batch_queue_take(fixture.http.jobs, &request, 1, 0, 0) == 0)
        return false;
    TC_CHECK(request->phase == HTTP_WAITING && (request->route->handling == JOB || request->route->handling == EITHER));
    http_connection_run(NULL, NULL, &request, 1);
    return true;
}

static bool plan_order(void)
{
    static const char body[] = "{\"rollout\":1}";
    struct submission *submission;
    if (batch_queue_take(fixture.submissions, &submission, 1, 0, 0) == 0)
        return false;
    TC_CHECK(submission->endpoint == ENDPOINT_HTTP && submission->length <= PLAN_SIZE_MAX);
    TC_CHECK(name_is_valid(submission->author, strlen(submission->author)));
    TC_CHECK(submission->idempotency_key[0] == '\0' ||
             name_is_valid(submission->idempotency_key, strlen(submission->idempotency_key)));
    submission->answered(submission, &(struct submission_answer){.status = 201, .body = body, .length = strlen(body)});
    return true;
}

/* Checks that the client receives the beginning of an answer. */
static bool receive(void)
{
    static const char begins[] = "HTTP/1.";
    char piece[4096];
    ssize_t got = recv(fixture.handle, piece, sizeof piece, 0);
    for (ssize_t i = 0; i < got; i++, fixture.received++)
        TC_CHECK(fixture.received >= strlen(begins) || piece[i] == begins[fixture.received]);
    return got > 0;
}

static void run_until_still(void)
{
    for (int still = 0; still < STILL_ROUNDS; still++) {
        TC_CHECK(MHD_run(fixture.http.daemon) == MHD_YES);
        bool moved = do_job();
        moved = plan_order() || moved;
        moved = receive() || moved;
        if (moved)
            still = -1;
    }
}

static void say(const uint8_t *bytes, size_t length, size_t piece)
{
    while (length > 0) {
        ssize_t sent = send(fixture.handle, bytes, length < piece ? length : piece, MSG_NOSIGNAL);
        if (sent < 0)
            return; /* the endpoint was closed */
        bytes += sent;
        length -= (size_t)sent;
        run_until_still();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (length < HEAD)
        return 0;
    if (!fixture.is_open)
        open_fixture();
    size_t piece = (size_t)1 << (bytes[0] % PIECE_BITS);
    if (piece < length / PIECES)
        piece = length / PIECES;
    fixture.http.config.insecure_loopback = (bytes[1] & 1) == 0;
    http_fixture_store_answers = store_answers[(bytes[1] >> 1) % (sizeof store_answers / sizeof *store_answers)];
    fixture.has_token = memmem(bytes, length, TOKEN, strlen(TOKEN)) != NULL;
    fixture.received = 0;
    int handles[2];
    TC_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, handles) == 0);
    fixture.handle = handles[0];
    const struct http_peer_address peer = {
        .peer = http_peer_make((const struct sockaddr *)(const void *)&loopback, sizeof loopback)};
    TC_CHECK(MHD_add_connection(fixture.http.daemon, handles[1], &peer.common, sizeof peer) == MHD_YES);
    say(bytes + HEAD, length - HEAD, piece);
    (void)shutdown(fixture.handle, SHUT_WR);
    run_until_still();
    TC_CHECK(fixture.open_requests == 0 && fixture.http.waiting == 0);
    TC_CHECK(close(fixture.handle) == 0);
    (void)MHD_run(fixture.http.daemon);
    return 0;
}
