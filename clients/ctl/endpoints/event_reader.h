/* Reads a stream of server-sent events, piece by piece. Pure. */
#ifndef TELLERCAST_CTL_ENDPOINTS_EVENT_READER_H
#define TELLERCAST_CTL_ENDPOINTS_EVENT_READER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* A longer line ends the reading. */
#define EVENT_LINE_MAX 1048576

/* Zero at first. */
struct event_reader {
    struct buffer line, kind, data, position; /* `position`: the last id; "" before the first */
    bool is_broken;                           /* a line was too long */
};

/* Called with each whole event. False: read no more. */
typedef bool event_reader_take(void *context, const char *kind, const char *data, const char *position);

/* False: it ends here, by `take` or by a fault. */
bool event_reader_put(struct event_reader *reader, const char *bytes, size_t length, event_reader_take *take,
                      void *context);
/* The next bytes are of another stream: forgets an event that is not whole. */
void event_reader_begin(struct event_reader *reader);
void event_reader_free(struct event_reader *reader);

#endif
