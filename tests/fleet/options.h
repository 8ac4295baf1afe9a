/* The command line of tellercast-fleet. */
#ifndef TELLERCAST_TESTS_FLEET_OPTIONS_H
#define TELLERCAST_TESTS_FLEET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *fleet, *behaviour, *keys, *control, *report; /* files; NULL when not given */
    const char *root, *password;
    const char *trust_file, *device_authority; /* of TLS; both or none */
    char *broker_host;                         /* owned; with port 0 the path of a Unix socket */
    int broker_port;
    size_t connections, pending, connects_per_second, threads;
    int keep_alive_s;
    bool any_audience, is_silent_about_presence, verifies_nothing, is_quiet;
    int64_t ask_load_ms; /* 0: none */
    size_t outstanding;
};

enum options_outcome { OPTIONS_READ, OPTIONS_HELPED, OPTIONS_WRONG };

/* Prints the help on stdout, or the fault on stderr. */
enum options_outcome options_read(int count, char **words, struct options *options);
void options_free(struct options *options);

#endif
