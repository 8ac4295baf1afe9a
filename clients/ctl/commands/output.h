/* Output of a long text: standard output, or a file that is written completely or not at all. One thread. */
#ifndef TELLERCAST_CTL_OUTPUT_H
#define TELLERCAST_CTL_OUTPUT_H

#include "clients/ctl/commands/session.h"

#include <stdio.h>

struct output {
    FILE *file;
    char *path, *partial; /* owned; NULL: standard output */
};

/* Opens `path`; NULL: standard output. False after the fault was shown. */
bool output_open(const struct session *session, const char *path, struct output *output, int *code);
/* Writes the text and empties it. output_close reports write errors. */
void output_put(struct output *output, struct buffer *text);
/* Completes the file when `code` is EXIT_HEALTHY, else removes it. Returns the exit code. */
int output_close(const struct session *session, struct output *output, int code);

#endif
