/* Reads the output of an installer: any bytes, any amount. One thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_OUTPUT_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_OUTPUT_H

#include "base/id.h"
#include "clients/agent/action/install_log.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>

#define INSTALL_LINE_SIZE 1024 /* longer lines are cut */

struct install_output {
    bool is_content; /* of a collected file: no line of it is a command */
    char line[INSTALL_LINE_SIZE];
    size_t line_length;
    bool line_is_cut;
    char tail[REPORT_DETAIL_MAX]; /* the last lines that are no commands */
    size_t tail_length;
    char code[TC_ID_SIZE]; /* the installer's code for its end; "": none */

    struct install_log log;
    const struct mask *mask; /* of the tail and of texts of progress; NULL: card numbers alone */

    void (*on_progress)(void *context, int percent, const char *text);
    void (*on_version)(void *context, const char *name, const char *version);
    void *context;
};

void install_output_take(struct install_output *output, const char *bytes, size_t length);
/* The end of the output: takes a last line that has no line end. */
void install_output_end(struct install_output *output);
void install_output_free(struct install_output *output);
/* Writes the tail, whole UTF-8 characters only, lines joined by " | ". */
void install_output_describe(const struct install_output *output, char *text, size_t size);

#endif
