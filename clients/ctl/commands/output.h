/* Where a long text goes: standard output, or a file that is whole or is not there. One thread. */
#ifndef TELLERCAST_CTL_OUTPUT_H
#define TELLERCAST_CTL_OUTPUT_H

#include "clients/ctl/commands/session.h"

#include <stdio.h>

struct output {
    FILE *file;
    char *path, *partial; /* owned; NULL: standard output */
};

/* `path` NULL: standard output. False after the fault was shown. */
bool output_open(const struct session *session, const char *path, struct output *output, int *code);
/* Writes the text and empties it; what goes wrong is told at the end. */
void output_put(struct output *output, struct buffer *text);
/* With EXIT_HEALTHY makes the file whole, else takes it away. Returns the exit code. */
int output_close(const struct session *session, struct output *output, int code);

#endif
