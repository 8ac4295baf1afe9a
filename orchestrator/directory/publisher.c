#include "orchestrator/directory/publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/directory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    PAGE_DEVICES = 1000,
    ANSWER_MS = 10000,     /* after which the guard's answer counts as lost, and the whole table is sent again */
    WHOLE_AGAIN_MS = 2000, /* least time between two whole tables that the guard does not take */
};

struct publisher {
    struct broker *broker;
    struct guard_answer *answer;
    char generation[TC_ID_SIZE];
    int64_t sequence;
    bool needs_whole;
    int64_t version;       /* of the directory, that was sent */
    int64_t sent_ms;       /* monotonic: the last message */
    int64_t not_before_ms; /* the next whole table */
    uint64_t answers;      /* that had come before the last message */
    bool is_acknowledged;  /* the last message */

    struct directory_entry *entries;
    char (*serials)[CERTIFICATE_SERIAL_MAX + 1];
    struct buffer message;
    struct directory_writer writer;
    enum directory_part part; /* of the message being written */
    int64_t devices;          /* sent in this step */
};

struct publisher *publisher_open(struct broker *broker, struct guard_answer *answer)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);
    TC_CHECK(publisher != NULL);
    publisher->broker = broker;
    publisher->answer = answer;
    publisher->needs_whole = true;
    publisher->entries = calloc(PAGE_DEVICES, sizeof *publisher->entries);
    publisher->serials = calloc(PAGE_DEVICES, sizeof *publisher->serials);
    TC_CHECK(publisher->entries != NULL && publisher->serials != NULL);
    return publisher;
}

void publisher_close(struct publisher *publisher)
{
    if (publisher == NULL)
        return;
    buffer_free(&publisher->message);
    free(publisher->entries);
    free(publisher->serials);
    free(publisher);
}

void publisher_send_whole(struct publisher *publisher)
{
    publisher->needs_whole = true;
    publisher->not_before_ms = 0;
}

static void begin_generation(struct publisher *publisher)
{
    uint64_t number;
    TC_CHECK(getrandom(&number, sizeof number, 0) == sizeof number);
    (void)snprintf(publisher->generation, sizeof publisher->generation, "%016" PRIx64, number);
    publisher->sequence = 0;
}

/* ---- writing messages -------------------------------------------------------------------------- */

static void begin_message(struct publisher *publisher, enum directory_part part)
{
    publisher->part = part;
    directory_write_begin(&publisher->writer, &publisher->message, publisher->generation, ++publisher->sequence, part);
}

static bool send_message(struct publisher *publisher)
{
    static const struct topic topic = {.kind = TOPIC_DIRECTORY};
    struct guard_status status;
    directory_write_end(&publisher->writer);
    publisher->answers = guard_answer_read(publisher->answer, &status);
    publisher->is_acknowledged = false;
    publisher->sent_ms = clock_monotonic_ms();
    metric_add(METRIC_DIRECTORY_SENT, 1);
    return broker_publish(publisher->broker, &topic, publisher->message.bytes, publisher->message.length, 1, false,
                          NULL) == TC_OK;
}

/* A full message is sent, and the next one begins. */
static bool make_space(struct publisher *publisher)
{
    if (directory_writer_has_space(&publisher->writer))
        return true;
    enum directory_part next = publisher->part == DIRECTORY_CHANGE ? DIRECTORY_CHANGE : DIRECTORY_CONTINUES;
    if (!send_message(publisher))
        return false;
    begin_message(publisher, next);
    return true;
}

/* ---- reading the table --------------------------------------------------------------------------- */

struct reading {
    struct store *store;
    int64_t since;
    bool (*may_continue)(void *context);
    void *context;
};

static bool put_devices(struct publisher *publisher, const struct reading *reading)
{
    char after[TC_ID_SIZE] = "";
    size_t count = PAGE_DEVICES;
    while (count == PAGE_DEVICES) {
        if (directory_read_page(reading->store, reading->since, after, PAGE_DEVICES, publisher->entries, &count,
                                NULL) != TC_OK ||
            !reading->may_continue(reading->context))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!make_space(publisher))
                return false;
            directory_write_entry(&publisher->writer, &publisher->entries[i]);
        }
        publisher->devices += (int64_t)count;
        if (count > 0)
            memcpy(after, publisher->entries[count - 1].id, sizeof after);
    }
    return true;
}

static bool put_revoked(struct publisher *publisher, const struct reading *reading, size_t *total)
{
    char after[CERTIFICATE_SERIAL_MAX + 1] = "";
    size_t count = PAGE_DEVICES;
    while (count == PAGE_DEVICES) {
        if (directory_read_revoked(reading->store, reading->since, after, PAGE_DEVICES, publisher->serials, &count,
                                   NULL) != TC_OK ||
            !reading->may_continue(reading->context))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!make_space(publisher))
                return false;
            directory_write_revoked(&publisher->writer, publisher->serials[i]);
        }
        *total += count;
        if (count > 0)
            memcpy(after, publisher->serials[count - 1], sizeof after);
    }
    return true;
}

static bool send_whole(struct publisher *publisher, const struct reading *reading)
{
    size_t revoked = 0;
    begin_generation(publisher);
    begin_message(publisher, DIRECTORY_BEGINS);
    if (!put_devices(publisher, reading) || !put_revoked(publisher, reading, &revoked) || !send_message(publisher))
        return false;
    begin_message(publisher, DIRECTORY_ENDS);
    return send_message(publisher);
}

/* A change without a device or a serial is not sent, and its number is used again. */
static bool send_changes(struct publisher *publisher, const struct reading *reading)
{
    size_t revoked = 0;
    int64_t sequence = publisher->sequence;
    begin_message(publisher, DIRECTORY_CHANGE);
    if (!put_devices(publisher, reading) || !put_revoked(publisher, reading, &revoked))
        return false;
    if (publisher->devices > 0 || revoked > 0)
        return send_message(publisher);
    publisher->sequence = sequence;
    return true;
}

/* ---- the step -------------------------------------------------------------------------------- */

/* Compares the guard's last answer with what was sent. */
static void read_answer(struct publisher *publisher)
{
    struct guard_status status;
    uint64_t answers = guard_answer_read(publisher->answer, &status);
    bool is_newer = answers > publisher->answers;
    bool is_ours = is_newer && strcmp(status.generation, publisher->generation) == 0;
    if (is_ours && status.sequence == publisher->sequence && status.fault[0] == '\0')
        publisher->is_acknowledged = true;
    else if (is_newer && (publisher->is_acknowledged || status.fault[0] != '\0'))
        publisher->needs_whole = true; /* another one wrote since, or the guard lacks a message */
    if (!publisher->is_acknowledged && clock_monotonic_ms() - publisher->sent_ms > ANSWER_MS)
        publisher->needs_whole = true;
}

static void send_table(struct publisher *publisher, const struct reading *reading, int64_t version)
{
    bool is_whole = reading->since == DIRECTORY_EVERYTHING;
    publisher->devices = 0;
    if (is_whole)
        publisher->not_before_ms = clock_monotonic_ms() + WHOLE_AGAIN_MS;
    bool is_sent = is_whole ? send_whole(publisher, reading) : send_changes(publisher, reading);
    publisher->needs_whole = !is_sent;
    if (!is_sent)
        return;
    publisher->version = version;
    if (is_whole || publisher->devices > 0)
        LOG_INFO("directory.sent", F_INT("devices", publisher->devices), F_INT("whole", is_whole),
                 F_INT("version", version));
}

void publisher_step(struct publisher *publisher, struct store *store, bool (*may_continue)(void *context),
                    void *context)
{
    int64_t version;
    if (!broker_is_connected(publisher->broker) || directory_read_version(store, &version, NULL) != TC_OK) {
        guard_answer_set_current(publisher->answer, false);
        return;
    }
    read_answer(publisher);
    bool is_whole = publisher->needs_whole || version < publisher->version;
    const struct reading reading = {store, is_whole ? DIRECTORY_EVERYTHING : publisher->version, may_continue, context};
    if (is_whole ? clock_monotonic_ms() >= publisher->not_before_ms : version > publisher->version)
        send_table(publisher, &reading, version);
    guard_answer_set_current(publisher->answer, publisher->is_acknowledged && publisher->version == version);
}
