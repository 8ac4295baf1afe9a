/* An HTTP endpoint with a gateway, an artifact store and a stubbed database, and its clients. */
#ifndef TELLERCAST_TESTS_UNIT_HTTP_FIXTURE_H
#define TELLERCAST_TESTS_UNIT_HTTP_FIXTURE_H

#include "orchestrator/intake/http.h"
#include "tests/unit/http_stubs.h"
#include "tests/unit/temporary_folder.h"

enum { HTTP_FIXTURE_DEADLINE_MS = 20000, HTTP_FIXTURE_ANSWER_SIZE = 65536, HTTP_FIXTURE_ORDERS_MAX = 40 };
enum { HTTP_FIXTURE_DAILY_BYTES = 16 << 20 };

#define YAML "Content-Type: application/yaml\r\n"

/* The artifact store's folder, and whether /readyz is ready. */
extern struct temporary_folder http_fixture_folder;
extern bool http_fixture_is_ready;

struct http_fixture {
    bool is_insecure; /* insecure_loopback */
    struct batch_queue *submissions;
    struct batch_queue *wakes; /* of the scheduler and the conductor */
    struct submission_gateway *gateway;
    struct artifact_store *artifacts;
    struct http *http;
};

enum tc_error http_fixture_open_endpoint(struct http_fixture *fixture, const char *listen, struct tc_fault *fault);
struct http_fixture http_fixture_open(bool is_insecure);
void http_fixture_close(struct http_fixture *fixture);

int http_fixture_connect(const struct http_fixture *fixture);
void http_fixture_send(int handle, const void *bytes, size_t length);
/* Sends "METHOD target" with headers (each ends in \r\n) and a body. Returns the connection. */
int http_fixture_ask(const struct http_fixture *fixture, const char *line, const char *headers, const void *body,
                     size_t length);
/* Reads until the end of the stream, and closes the connection. */
size_t http_fixture_receive(int handle, char answer[static HTTP_FIXTURE_ANSWER_SIZE]);

/* Submits a plan as http_fixture_ask does; takes it as the planner does; and answers it. */
int http_fixture_submit(const struct http_fixture *fixture, const char *headers, const void *plan, size_t length);
struct submission *http_fixture_take(struct http_fixture *fixture);
void http_fixture_answer(struct submission *submission, int status, const char *body);

/* Receives an answer in http_fixture_received, and expects this status and this text in it. */
extern char http_fixture_received[HTTP_FIXTURE_ANSWER_SIZE];
void http_fixture_expect(int handle, int status, const char *wanted);
void http_fixture_expect_of_with(const struct http_fixture *fixture, const char *line, const char *headers, int status,
                                 const char *wanted);
void http_fixture_expect_of(const struct http_fixture *fixture, const char *line, int status, const char *wanted);

/* Make and remove the folder, one per test. */
int http_fixture_set_up(void **state);
int http_fixture_tear_down(void **state);

#define ENDPOINT_TEST(test) cmocka_unit_test_setup_teardown(test, http_fixture_set_up, http_fixture_tear_down)

#endif
