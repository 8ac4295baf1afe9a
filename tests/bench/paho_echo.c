/* The floor for `bench pull`: answers each ask at once with the same bytes, as many as an instruction has. Runs until
 * SIGTERM, then prints JSON. */
#include "tests/bench/paho_client.h"
#include "topics/topic.h"

#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, TYPICAL_INSTRUCTION_BYTES = 800, LARGEST_BYTES = 65536 };

struct echo {
    struct paho_client *client;
    const char *root;
    struct buffer payload;
    int answer_qos;
    atomic_size_t answered, dropped;
};

static void receive(void *context, const char *topic_name, const char *payload, size_t length)
{
    (void)payload, (void)length;
    struct echo *echo = context;
    struct topic topic;
    char answer[TOPIC_SIZE];
    if (topic_parse(echo->root, topic_name, strlen(topic_name), &topic) != TC_OK || topic.kind != TOPIC_ASK)
        return;
    topic.kind = TOPIC_INSTRUCTION;
    topic_format(echo->root, &topic, answer);
    bool is_taken = paho_client_publish(echo->client, answer, &echo->payload, echo->answer_qos, false);
    atomic_fetch_add(is_taken ? &echo->answered : &echo->dropped, 1);
}

static enum tc_error run(struct echo *echo, const char *broker, int ask_qos, const sigset_t *ends,
                         struct tc_fault *fault)
{
    char filter[TOPIC_SIZE];
    int signal_number;
    topic_filter(echo->root, TOPIC_ASK, NULL, filter);
    enum tc_error error = paho_client_open(broker, "paho-echo", receive, echo, &echo->client, fault);
    if (error == TC_OK)
        error = paho_client_subscribe(echo->client, filter, ask_qos, fault);
    if (error == TC_OK) {
        (void)fputs("paho-echo: ready\n", stderr);
        (void)sigwait(ends, &signal_number);
        (void)printf("{\"answered\":%zu,\"dropped\":%zu,\"cpu_seconds\":%.3f}\n", atomic_load(&echo->answered),
                     atomic_load(&echo->dropped), paho_client_cpu_seconds());
    }
    paho_client_close(echo->client);
    return error;
}

int main(int count, char **words)
{
    static const struct option long_options[] = {
        {"broker", required_argument, NULL, 'b'},     {"root", required_argument, NULL, 'r'},
        {"bytes", required_argument, NULL, 'n'},      {"ask-qos", required_argument, NULL, 'q'},
        {"answer-qos", required_argument, NULL, 'a'}, {NULL, 0, NULL, 0},
    };
    struct echo echo = {.root = TOPIC_ROOT_DEFAULT};
    const char *broker = NULL;
    size_t bytes = TYPICAL_INSTRUCTION_BYTES;
    int ask_qos = 0;
    bool is_right = true;
    for (int name; (name = getopt_long(count, words, "", long_options, NULL)) != -1;) {
        switch (name) {
        case 'b': broker = optarg; break;
        case 'r': echo.root = optarg; break;
        case 'n': bytes = strtoul(optarg, NULL, 10); break;
        case 'q': ask_qos = strcmp(optarg, "1") == 0; break;
        case 'a': echo.answer_qos = strcmp(optarg, "1") == 0; break;
        default: is_right = false;
        }
    }
    if (!is_right || broker == NULL || bytes > LARGEST_BYTES || !topic_root_is_valid(echo.root)) {
        (void)fputs("paho-echo --broker tcp://HOST:PORT [--root tc/v1] [--bytes 800] [--ask-qos 0|1] "
                    "[--answer-qos 0|1]\n",
                    stderr);
        return EXIT_USAGE;
    }
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    for (size_t i = 0; i < bytes; i++)
        buffer_put(&echo.payload, "x", 1);
    struct tc_fault fault = {0};
    enum tc_error error = run(&echo, broker, ask_qos, &ends, &fault);
    if (error != TC_OK)
        (void)fprintf(stderr, "paho-echo: %s\n", fault.text);
    buffer_free(&echo.payload);
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
