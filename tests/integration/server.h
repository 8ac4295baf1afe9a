/* A server of a test: in a folder of its own, on a free port or a Unix socket, and ended by its PID. */
#ifndef TELLERCAST_TESTS_INTEGRATION_SERVER_H
#define TELLERCAST_TESTS_INTEGRATION_SERVER_H

#include "base/clock.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

enum { SERVER_DEADLINE_MS = 30000, SERVER_PATH_SIZE = 128 };

struct server {
    pid_t pid; /* 0: not running */
    char folder[SERVER_PATH_SIZE / 2];
    int port;                           /* mosquitto */
    char socket_path[SERVER_PATH_SIZE]; /* redis, postgres */
    bool is_postgres;
    char config_path[SERVER_PATH_SIZE];
};

/* Makes the folder and chooses the port or socket; starts nothing. `settings` are lines of the server's configuration
 * file. */
void server_prepare_redis(struct server *server, const char *settings);
/* With the project's own configuration. The user is tellercast; the host is the server's folder. */
void server_prepare_postgres(struct server *server);
void server_prepare_mosquitto(struct server *server, const char *settings);

/* Adds lines to the configuration file of a server that does not run yet, such as those that name files in its
 * folder. */
void server_add_settings(const struct server *server, const char *settings);

/* Starts the server, and waits until it accepts connections. */
void server_start(struct server *server);
/* Ends the server with SIGTERM or SIGKILL, and waits for its end. */
void server_end(struct server *server, int signal);
/* Ends the server if it runs, and removes its folder. */
void server_remove(struct server *server);

/* Runs a program to its end without output. It must succeed. */
void server_run_tool(char *const *arguments);

/* Waits for a condition; the test fails after the deadline. */
#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        int64_t wait_until_ms_ = clock_monotonic_ms() + SERVER_DEADLINE_MS;                                            \
        while (!(condition)) {                                                                                         \
            if (clock_monotonic_ms() > wait_until_ms_)                                                                 \
                fail_msg("not within %d ms: %s", SERVER_DEADLINE_MS, #condition);                                      \
            server_breathe();                                                                                          \
        }                                                                                                              \
    } while (0)

/* Waits a moment before the condition is checked again. */
void server_breathe(void);

#endif
