/* An HTTP door with a funnel, an artifact store and stand-ins for the database, and clients of it. */
#ifndef TELLERCAST_TESTS_UNIT_HTTP_HALL_H
#define TELLERCAST_TESTS_UNIT_HTTP_HALL_H

#include "orchestrator/intake/http.h"
#include "tests/unit/http_stand_ins.h"
#include "tests/unit/temporary_folder.h"

enum { HALL_DEADLINE_MS = 20000, HALL_ANSWER_SIZE = 65536, HALL_ORDERS_MAX = 40 };

#define YAML "Content-Type: application/yaml\r\n"

/* The artifact store's folder, and what the door is told of the servers. */
extern struct temporary_folder hall_folder;
extern bool hall_is_ready;

struct hall {
    struct batch_queue *orders;
    struct batch_queue *wakes; /* of the scheduler and the conductor */
    struct funnel *funnel;
    struct artifact_store *artifacts;
    struct http *http;
};

enum tc_error hall_open_door(struct hall *hall, const char *listen, const char *tokens_file, struct tc_fault *fault);
struct hall hall_open(const char *tokens_file);
void hall_close(struct hall *hall);

int hall_connect(const struct hall *hall);
void hall_say(int handle, const void *bytes, size_t length);
/* Sends "METHOD target" with headers (each ends in \r\n) and a body. Returns the connection. */
int hall_ask(const struct hall *hall, const char *line, const char *headers, const void *body, size_t length);
/* Reads up to the end, and closes the connection. */
size_t hall_hear(int handle, char answer[static HALL_ANSWER_SIZE]);

/* The same, and the answer has this status and this text. It stays in hall_heard. */
extern char hall_heard[HALL_ANSWER_SIZE];
void hall_expect(int handle, int status, const char *wanted);
void hall_expect_of(const struct hall *hall, const char *line, int status, const char *wanted);

/* Each test has a folder of its own. */
int hall_set_up(void **state);
int hall_tear_down(void **state);

#define DOOR_TEST(test) cmocka_unit_test_setup_teardown(test, hall_set_up, hall_tear_down)

#endif
