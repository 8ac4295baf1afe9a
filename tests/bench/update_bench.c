/* The program of `bench update`: the updater pool, fed as fast as it takes reports, until all are committed.
 *
 *   update-bench DATABASE REDIS_SOCKET REPORTS THREADS BATCH LINGER_MS prints JSON
 *
 * REPORTS: lines "INSTRUCTION<tab>DEVICE" of instructions that were sent. */
#include "base/buffer.h"
#include "orchestrator/updater/updater.h"
#include "tests/bench/report_stream.h"
#include "topics/message.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, QUEUE_LIMIT = 50000, CACHE_TIMEOUT_MS = 1000 };

/* The replies as the broker would deliver them, made before the measurement. */
struct replies {
    struct buffer bytes;
    struct {
        size_t offset, length;
        const char *device;
    } * items;
    size_t count;
    json_t *versions;
};

static void add_reply(void *context, const struct reporting_device *device, int stage)
{
    static const enum report_state states[STAGES] = {REPORT_RECEIVED, REPORT_INSTALLING, REPORT_COMPLETED};
    struct replies *replies = context;
    struct report report = {
        .instruction = device->instruction,
        .attempt = 1,
        .sequence = stage + 1,
        .state = states[stage],
        .progress = -1,
        .versions = stage == STAGE_COMPLETED ? replies->versions : NULL,
    };
    size_t offset = replies->bytes.length;
    report_encode(&report, &replies->bytes);
    replies->items[replies->count].offset = offset;
    replies->items[replies->count].length = replies->bytes.length - offset;
    replies->items[replies->count++].device = device->device;
}

static void make_replies(const struct report_stream *stream, struct replies *replies)
{
    *replies = (struct replies){.versions = json_pack("{s:s}", "atm-app", "4.7.2")};
    replies->items = calloc(stream->count * STAGES + 1, sizeof *replies->items);
    TC_CHECK(replies->items != NULL && replies->versions != NULL);
    report_stream_each(stream, add_reply, replies);
}

static void free_replies(struct replies *replies)
{
    json_decref(replies->versions);
    free(replies->items);
    buffer_free(&replies->bytes);
}

static enum tc_error feed(const struct replies *replies, struct updater_config *config, struct tc_fault *fault)
{
    struct updater *updater = NULL;
    double began = seconds_now();
    enum tc_error error = updater_open(config, &updater, fault);
    if (error != TC_OK)
        return error;
    for (size_t i = 0; i < replies->count && error == TC_OK; i++)
        error = update_put_report(config->queues, replies->items[i].device,
                                  replies->bytes.bytes + replies->items[i].offset, replies->items[i].length);
    updater_close(updater);
    double seconds = seconds_now() - began;
    if (error == TC_OK)
        (void)printf("{\"reports\":%zu,\"seconds\":%.3f,\"per_second\":%.1f}\n", replies->count, seconds,
                     (double)replies->count / seconds);
    return error;
}

static enum tc_error measure(char **words, struct tc_fault *fault)
{
    const struct cache_config cache = {.socket_path = words[2], .prefix = "bench", .timeout_ms = CACHE_TIMEOUT_MS};
    struct update_queues queues = {.count = (int)strtol(words[4], NULL, 10)};
    struct updater_config config = {
        .database = words[1],
        .cache = &cache,
        .first_shard = 1,
        .batch = strtoll(words[5], NULL, 10),
        .linger_ms = strtoll(words[6], NULL, 10),
        .queues = &queues,
    };
    struct report_stream stream;
    enum tc_error error = report_stream_read(words[3], &stream, fault);
    if (error == TC_OK) {
        struct replies replies;
        make_replies(&stream, &replies);
        queues.queues = calloc((size_t)queues.count, sizeof *queues.queues);
        TC_CHECK(queues.queues != NULL);
        for (int i = 0; i < queues.count; i++)
            queues.queues[i] = update_queue_open((size_t)(QUEUE_LIMIT / queues.count), queues.count);
        error = feed(&replies, &config, fault);
        for (int i = 0; i < queues.count; i++)
            batch_queue_free(queues.queues[i]);
        free(queues.queues);
        free_replies(&replies);
    }
    report_stream_free(&stream);
    return error;
}

int main(int count, char **words)
{
    if (count != 7) {
        (void)fputs("update-bench DATABASE REDIS_SOCKET REPORTS THREADS BATCH LINGER_MS\n", stderr);
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct tc_fault fault = {0};
    enum tc_error error = measure(words, &fault);
    if (error != TC_OK)
        (void)fprintf(stderr, "update-bench: %s\n", fault.text);
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
