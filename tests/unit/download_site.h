/* A server of one artifact that misbehaves as a test wants, and downloads from it. */
#ifndef TELLERCAST_TESTS_UNIT_DOWNLOAD_SITE_H
#define TELLERCAST_TESTS_UNIT_DOWNLOAD_SITE_H

#include "clients/agent/download.h"
#include "tests/unit/temporary_folder.h"

#include <microhttpd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

enum { SIZE = 300000, URL_SIZE = 128, FAULTS_MAX = 8, DRIP_MS = 100 };

/* How the server answers requests: each takes the next step of the plan; the last step repeats. */
enum behaviour {
    WHOLE,
    BREAK_HALF_WAY,
    ERROR_503,
    ERROR_404,
    REDIRECT_TO_ITSELF,
    REDIRECT_TO_USER,
    REFUSE_PROXY,
    ENDLESS_ERROR,
    IGNORE_RANGE,
    IGNORE_RANGE_AND_BREAK,
    CHANGED,
    LONGER,
    SHORTER,
    SHORTER_WITHOUT_LENGTH,
    PART_OF_RANGE,
    WRONG_RANGE,
    DRIP,
};

struct fixture {
    struct temporary_folder folder;
    char artifacts[PATH_MAX], url[URL_SIZE], sha256[SHA256_HEX_SIZE];
    unsigned char bytes[SIZE];
    struct MHD_Daemon *server;
    enum behaviour plan[FAULTS_MAX];
    atomic_int requests;
    char ranges[FAULTS_MAX][64], if_ranges[FAULTS_MAX][64];
    char proxy_login[64];
    struct url_proxy proxy;
    struct download_request request;
    struct download_result result;
};

/* For cmocka. */
int site_set_up(void **state);
int site_tear_down(void **state);

/* Downloads, and expects this code at the end; "": success. */
void site_run(struct fixture *fixture, const char *code);
/* Returns whether there is a file of the artifact with this suffix. */
bool site_has_left(const struct fixture *fixture, const char *suffix);
void site_check_whole(struct fixture *fixture);

#define SITE_TEST(name) cmocka_unit_test_setup_teardown(name, site_set_up, site_tear_down)

#endif
