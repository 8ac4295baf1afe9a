#include "tests/bench/report_stream.h"

#include "base/buffer.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Number of devices at each stage at a time. It is larger than a batch, so that few reports can be coalesced. */
enum { DEVICES_A_STAGE = 4096 };
static const size_t input_size_max = (size_t)1 << 30;

enum tc_error report_stream_read(const char *path, struct report_stream *stream, struct tc_fault *fault)
{
    struct buffer text = {0};
    *stream = (struct report_stream){0};
    enum tc_error error = file_read(path, input_size_max, &text, fault);
    size_t lines = 0;
    for (const char *at = buffer_text(&text); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    stream->devices = calloc(lines + 1, sizeof *stream->devices);
    TC_CHECK(stream->devices != NULL);
    char *rest = text.bytes;
    for (char *line; error == TC_OK && (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        struct reporting_device *device = &stream->devices[stream->count++];
        char *tab;
        device->instruction = strtoll(line, &tab, 10);
        if (*tab != '\t' || !id_is_valid(tab + 1, strlen(tab + 1)))
            error = tc_fault_set(fault, TC_INVALID, "%s:%zu: not an instruction and a device", path, stream->count);
        else
            (void)snprintf(device->device, sizeof device->device, "%s", tab + 1);
    }
    buffer_free(&text);
    return error;
}

void report_stream_free(struct report_stream *stream)
{
    free(stream->devices);
}

void report_stream_each(const struct report_stream *stream,
                        void (*take)(void *context, const struct reporting_device *device, int stage), void *context)
{
    for (size_t i = 0; i < stream->count + (size_t)(STAGES - 1) * DEVICES_A_STAGE; i++) {
        for (int stage = 0; stage < STAGES; stage++) {
            size_t behind = (size_t)stage * DEVICES_A_STAGE;
            if (i >= behind && i - behind < stream->count)
                take(context, &stream->devices[i - behind], stage);
        }
    }
}

double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
