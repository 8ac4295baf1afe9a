/* A progress bar for a transfer, on standard error when that is a terminal. One thread. */
#ifndef TELLERCAST_CTL_TRANSFER_H
#define TELLERCAST_CTL_TRANSFER_H

#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/bar.h"

struct transfer {
    const struct session *session;
    const char *what; /* "sending" */
    int64_t total, drawn_at_ms;
    struct meter meter;
    bool drawn;
};

void transfer_start(struct transfer *transfer, const struct session *session, const char *what, int64_t total_bytes);
/* Updates the bar; limits how often it is drawn. */
void transfer_move(struct transfer *transfer, int64_t bytes);
/* Removes the bar. */
void transfer_end(struct transfer *transfer);

#endif
