/* The floor that `bench flow` is measured against: what a lifecycle costs when nothing is decided, signed,
 * cached or stored. The same messages with the same qualities of service as tellercastd's:
 *
 *   start (1)  →  ask (0 or 1)  →  instruction (0; retained with 1 for pull clients)  →  two replies (1)
 *              →  a confirm of `completed` (0)
 *
 * It starts one branch after the other, with so many devices in flight at most, and prints JSON. */
#include "base/clock.h"
#include "base/file.h"
#include "config/fleet.h"
#include "config/text_set.h"
#include "tests/bench/canned.h"
#include "tests/bench/paho_client.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_USAGE = 2, START_VALID_MS = 3600000, LOOK_EVERY_MS = 2 };
static const size_t fleet_size_max = (size_t)1 << 30;

struct options {
    const char *fleet, *broker, *root, *key, *keys;
    int ask_qos;
    size_t window;
    int64_t timeout_ms;
};

struct null_orchestrator {
    const struct options *options;
    struct paho_client *client;
    struct buffer token;
    struct buffer confirm;   /* used by the receiving thread */
    struct text_set devices; /* IDs to indexes in the fleet */
    bool *has_completed;     /* by that index; used by the receiving thread, since a device may complete again */
    atomic_size_t asks, received, completed, dropped;
};

static void publish(struct null_orchestrator *self, const struct topic *topic, const struct buffer *payload, int qos,
                    bool is_retained)
{
    char name[TOPIC_SIZE];
    topic_format(self->options->root, topic, name);
    if (!paho_client_publish(self->client, name, payload, qos, is_retained))
        atomic_fetch_add(&self->dropped, 1);
}

static void answer_ask(struct null_orchestrator *self, struct topic *topic)
{
    atomic_fetch_add(&self->asks, 1);
    topic->kind = TOPIC_INSTRUCTION;
    publish(self, topic, &self->token, 0, false);
}

/* Reads a number of the reply without parsing the rest. */
static int32_t find_number(const char *payload, size_t length, const char *key)
{
    const char *at = memmem(payload, length, key, strlen(key));
    int32_t number = 0;
    for (at = at == NULL ? payload + length : at + strlen(key); at < payload + length && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    return number;
}

static void take_reply(struct null_orchestrator *self, struct topic *topic, const char *payload, size_t length)
{
    static const char completed[] = "\"state\":\"completed\"";
    if (memmem(payload, length, completed, sizeof completed - 1) == NULL) {
        atomic_fetch_add(&self->received, 1);
        return;
    }
    struct confirm confirm = {.instruction = 1, .attempt = 1, .accepted = true};
    confirm.sequence = find_number(payload, length, "\"sequence\":");
    buffer_clear(&self->confirm);
    confirm_encode(&confirm, &self->confirm);
    topic->kind = TOPIC_CONFIRM;
    publish(self, topic, &self->confirm, 0, false);
    const struct text_set_entry *device = text_set_find(&self->devices, topic->device);
    if (device != NULL && !self->has_completed[device->number]) {
        self->has_completed[device->number] = true;
        atomic_fetch_add(&self->completed, 1);
    }
}

static void receive(void *context, const char *topic_name, const char *payload, size_t length)
{
    struct null_orchestrator *self = context;
    struct topic topic;
    if (topic_parse(self->options->root, topic_name, strlen(topic_name), &topic) != TC_OK)
        return;
    if (topic.kind == TOPIC_ASK)
        answer_ask(self, &topic);
    else if (topic.kind == TOPIC_REPLY)
        take_reply(self, &topic, payload, length);
}

static void pause_ms(int64_t duration_ms)
{
    const struct timespec pause = {duration_ms / 1000, (duration_ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Waits until at most `most` of the `started` devices are in flight. Returns false after the deadline. */
static bool wait_for_headroom(struct null_orchestrator *self, size_t started, size_t most, int64_t deadline_ms)
{
    while (started > atomic_load(&self->completed) + most) {
        if (clock_monotonic_ms() > deadline_ms)
            return false;
        pause_ms(LOOK_EVERY_MS);
    }
    return true;
}

static void start_pull_client(struct null_orchestrator *self, const struct fleet_device *device)
{
    struct topic topic = {.kind = TOPIC_INSTRUCTION};
    (void)snprintf(topic.device, sizeof topic.device, "%s", device->id);
    publish(self, &topic, &self->token, 1, true);
}

static void publish_start(struct null_orchestrator *self, const char *branch, struct start *start)
{
    struct buffer payload = {0};
    struct topic topic = {.kind = TOPIC_START};
    (void)snprintf(topic.branch, sizeof topic.branch, "%s", branch);
    start_encode(start, &payload);
    publish(self, &topic, &payload, 1, false);
    buffer_free(&payload);
    start->device_count = 0;
}

/* Sends one start for each sequence of devices of the same branch in the fleet file. Returns the number of devices that
 * were started before the deadline. */
static size_t start_all(struct null_orchestrator *self, const struct fleet *fleet, int64_t deadline_ms)
{
    static char ids[START_DEVICES_MAX][TC_ID_SIZE];
    struct start start = {.rollout = 1, .devices = ids, .expires_ms = clock_now_ms() + START_VALID_MS};
    size_t started = 0;
    for (size_t i = 0; i < fleet->device_count; i++) {
        const struct fleet_device *device = &fleet->devices[i];
        started++;
        if (device->branch == NULL || strcmp(device->role, device_role_name(ROLE_PULL)) == 0) {
            start_pull_client(self, device);
            continue;
        }
        (void)snprintf(ids[start.device_count++], TC_ID_SIZE, "%s", device->id);
        const char *next = i + 1 < fleet->device_count ? fleet->devices[i + 1].branch : NULL;
        bool is_last = next == NULL || strcmp(next, device->branch) != 0;
        if (is_last || start.device_count == START_DEVICES_MAX) {
            publish_start(self, device->branch, &start);
            if (!wait_for_headroom(self, started, self->options->window, deadline_ms))
                return started;
        }
    }
    return started;
}

static void remember_devices(struct null_orchestrator *self, const struct fleet *fleet)
{
    self->has_completed = calloc(fleet->device_count + 1, sizeof *self->has_completed);
    TC_CHECK(self->has_completed != NULL);
    for (size_t i = 0; i < fleet->device_count; i++)
        text_set_add(&self->devices, fleet->devices[i].id, (uint32_t)i);
}

static enum tc_error subscribe(struct null_orchestrator *self, struct tc_fault *fault)
{
    char filter[TOPIC_SIZE];
    topic_filter(self->options->root, TOPIC_ASK, NULL, filter);
    enum tc_error error = paho_client_subscribe(self->client, filter, self->options->ask_qos, fault);
    topic_filter(self->options->root, TOPIC_REPLY, NULL, filter);
    return error == TC_OK ? paho_client_subscribe(self->client, filter, 1, fault) : error;
}

static void print_result(struct null_orchestrator *self, double seconds, double cpu_seconds)
{
    size_t completed = atomic_load(&self->completed);
    (void)printf("{\"lifecycles\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"cpu_seconds\":%.3f,\"asks\":%zu,"
                 "\"received\":%zu,\"dropped\":%zu}\n",
                 completed, seconds, (double)completed / seconds, cpu_seconds, atomic_load(&self->asks),
                 atomic_load(&self->received), atomic_load(&self->dropped));
}

static enum tc_error run(struct null_orchestrator *self, const struct fleet *fleet, struct tc_fault *fault)
{
    remember_devices(self, fleet);
    enum tc_error error =
        paho_client_open(self->options->broker, "null-orchestrator", receive, self, &self->client, fault);
    if (error == TC_OK)
        error = subscribe(self, fault);
    if (error == TC_OK) {
        double cpu_before = paho_client_cpu_seconds();
        int64_t began_ms = clock_monotonic_ms();
        int64_t deadline_ms = began_ms + self->options->timeout_ms;
        size_t started = start_all(self, fleet, deadline_ms);
        bool is_done = wait_for_headroom(self, started, 0, deadline_ms);
        print_result(self, (double)(clock_monotonic_ms() - began_ms) / 1000.0, paho_client_cpu_seconds() - cpu_before);
        if (!is_done)
            error = tc_fault_set(fault, TC_TIMEOUT, "%zu of %zu devices did not complete",
                                 fleet->device_count - atomic_load(&self->completed), fleet->device_count);
    }
    paho_client_close(self->client);
    return error;
}

static enum tc_error read_fleet(const char *path, struct fleet **fleet, struct tc_fault *fault)
{
    struct buffer text = {0};
    struct document_faults faults = {0};
    const char *dot = strrchr(path, '.');
    enum fleet_format format = dot != NULL && strcmp(dot, ".csv") == 0 ? FLEET_CSV : FLEET_YAML;
    enum tc_error error = file_read(path, fleet_size_max, &text, fault);
    if (error == TC_OK && fleet_parse(format, buffer_text(&text), text.length, fleet, &faults) != TC_OK)
        error = tc_fault_set(fault, TC_INVALID, "%s: %s", path, faults.items[0].detail);
    document_faults_free(&faults);
    buffer_free(&text);
    return error;
}

static const char usage[] =
    "null-orchestrator --key FILE --keys FILE     makes the key of the canned instruction, and its JWK Set\n"
    "null-orchestrator --key FILE --fleet FILE --broker tcp://HOST:PORT\n"
    "    [--root tc/v1] [--ask-qos 0|1] [--window DEVICES (2000)] [--timeout SECONDS (300)]\n";

static bool read_options(int count, char **words, struct options *options)
{
    static const struct option long_options[] = {
        {"fleet", required_argument, NULL, 'f'},
        {"broker", required_argument, NULL, 'b'},
        {"root", required_argument, NULL, 'r'},
        {"key", required_argument, NULL, 'k'},
        {"keys", required_argument, NULL, 'j'},
        {"ask-qos", required_argument, NULL, 'q'},
        {"window", required_argument, NULL, 'w'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.root = TOPIC_ROOT_DEFAULT, .window = 2000, .timeout_ms = 300000};
    for (int name; (name = getopt_long(count, words, "", long_options, NULL)) != -1;) {
        switch (name) {
        case 'f': options->fleet = optarg; break;
        case 'b': options->broker = optarg; break;
        case 'r': options->root = optarg; break;
        case 'k': options->key = optarg; break;
        case 'j': options->keys = optarg; break;
        case 'q': options->ask_qos = strcmp(optarg, "1") == 0; break;
        case 'w': options->window = strtoul(optarg, NULL, 10); break;
        case 't': options->timeout_ms = strtol(optarg, NULL, 10) * 1000; break;
        default: return false;
        }
    }
    return optind == count && options->key != NULL && topic_root_is_valid(options->root) &&
           (options->fleet == NULL ? options->keys != NULL : options->broker != NULL);
}

int main(int count, char **words)
{
    struct options options;
    if (!read_options(count, words, &options)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    struct null_orchestrator self = {.options = &options};
    struct fleet *fleet = NULL;
    struct tc_fault fault = {0};
    enum tc_error error = canned_make(options.key, options.keys, &self.token, &fault);
    if (error == TC_OK && options.fleet != NULL)
        error = read_fleet(options.fleet, &fleet, &fault);
    if (error == TC_OK && options.fleet != NULL)
        error = run(&self, fleet, &fault);
    if (error != TC_OK)
        (void)fprintf(stderr, "null-orchestrator: %s\n", fault.text);
    text_set_free(&self.devices);
    free(self.has_completed);
    fleet_free(fleet);
    buffer_free(&self.token);
    buffer_free(&self.confirm);
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
