#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "tests/fleet/control.h"
#include "tests/fleet/options.h"
#include "tests/fleet/simulation.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    EXIT_USAGE = 2,
    PROGRESS_MS = 2000,
    LEAVE_MS = 10000,
    CONNECT_ALL_MS = 120000,
    WARM_UP_MS = 2000,
    GIVE_UP_MS = 3000,
};
static const size_t file_size_max = (size_t)1 << 30;

/* The files that a run reads. */
struct inputs {
    struct fleet *fleet;
    struct behaviours *behaviours;
    struct trusted_keys *keys;
    struct credentials *credentials;
};

static enum tc_error print_faults(const char *path, struct document_faults *faults, enum tc_error error,
                                  struct tc_fault *fault)
{
    struct buffer text = {0};
    document_faults_print(faults, path, &text);
    (void)fputs(buffer_text(&text), stderr);
    buffer_free(&text);
    document_faults_free(faults);
    return error == TC_OK ? TC_OK : tc_fault_set(fault, error, "%s cannot be used", path);
}

static enum tc_error read_fleet(const char *path, struct fleet **fleet, struct tc_fault *fault)
{
    struct buffer text = {0};
    struct document_faults faults = {0};
    const char *dot = strrchr(path, '.');
    enum fleet_format format = dot != NULL && strcmp(dot, ".csv") == 0 ? FLEET_CSV : FLEET_YAML;
    enum tc_error error = file_read(path, file_size_max, &text, fault);
    if (error == TC_OK) {
        error = fleet_parse(format, buffer_text(&text), text.length, fleet, &faults);
        error = print_faults(path, &faults, error, fault);
    }
    buffer_free(&text);
    return error;
}

static enum tc_error read_behaviours(const char *path, struct behaviours **behaviours, struct tc_fault *fault)
{
    struct buffer text = {0};
    struct document_faults faults = {0};
    enum tc_error error = path == NULL ? TC_OK : file_read(path, file_size_max, &text, fault);
    if (error == TC_OK) {
        error = behaviours_parse(buffer_text(&text), text.length, behaviours, &faults);
        error = print_faults(path == NULL ? "" : path, &faults, error, fault);
    }
    buffer_free(&text);
    return error;
}

static enum tc_error read_inputs(const struct options *options, struct inputs *inputs, struct tc_fault *fault)
{
    enum tc_error error = read_fleet(options->fleet, &inputs->fleet, fault);
    if (error == TC_OK)
        error = read_behaviours(options->behaviour, &inputs->behaviours, fault);
    if (error == TC_OK && options->keys != NULL && !options->verifies_nothing)
        error = trusted_keys_open(options->keys, &inputs->keys, fault);
    if (error == TC_OK && options->trust_file != NULL)
        error = credentials_open(options->trust_file, options->device_authority, &inputs->credentials, fault);
    return error;
}

static void free_inputs(struct inputs *inputs)
{
    fleet_free(inputs->fleet);
    behaviours_free(inputs->behaviours);
    trusted_keys_close(inputs->keys);
    credentials_close(inputs->credentials);
}

static void print_progress(struct simulation *simulation)
{
    static struct counters before;
    struct counters now;
    simulation_counters(simulation, &now);
    if (memcmp(&now, &before, sizeof now) == 0)
        return;
    before = now;
    (void)fprintf(stderr,
                  "tellercast-fleet: %" PRId64 " of %zu connected, %" PRId64 " waiting; %" PRId64 " executed, %" PRId64
                  " completed, %" PRId64 " failed, %" PRId64 " confirmed\n",
                  now.values[COUNT_CONNECTED], simulation_device_count(simulation), now.values[COUNT_WAITING],
                  now.values[COUNT_EXECUTED], now.values[COUNT_COMPLETED], now.values[COUNT_FAILED],
                  now.values[COUNT_CONFIRMED]);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static enum tc_error write_report(const char *path, struct simulation *simulation, struct tc_fault *fault)
{
    struct counters counters;
    simulation_counters(simulation, &counters);
    json_t *report = json_pack("{s:o, s:o, s:f, s:o}", "counters", counters_json(&counters), "executions",
                               simulation_executions(simulation), "cpu_seconds", cpu_seconds(), "versions",
                               simulation_versions(simulation));
    char *text = json_dumps(report, JSON_INDENT(1));
    TC_CHECK(text != NULL);
    enum tc_error error = file_replace(path, text, strlen(text), 0644, fault);
    free(text);
    json_decref(report);
    return error;
}

/* Serves requests until a signal or a request ends it. */
static void serve(struct control *control, struct simulation *simulation, int signals, bool is_quiet)
{
    struct signalfd_siginfo signal;
    while (control_serve(control, signals, PROGRESS_MS) && read(signals, &signal, sizeof signal) < 0) {
        if (!is_quiet)
            print_progress(simulation);
    }
}

/* Waits until all allowed connections are open. */
static enum tc_error connect_all(struct control *control, struct simulation *simulation, size_t connections,
                                 int signals, struct tc_fault *fault)
{
    enum { LOOK_EVERY_MS = 100 };
    size_t devices = simulation_device_count(simulation);
    size_t wanted = devices < connections ? devices : connections;
    int64_t deadline_ms = clock_monotonic_ms() + CONNECT_ALL_MS;
    struct counters counters;
    do {
        struct signalfd_siginfo signal;
        if (!control_serve(control, signals, LOOK_EVERY_MS) || read(signals, &signal, sizeof signal) > 0)
            return tc_fault_set(fault, TC_UNAVAILABLE, "interrupted");
        simulation_counters(simulation, &counters);
        if ((size_t)counters.values[COUNT_CONNECTED] >= wanted)
            return TC_OK;
    } while (clock_monotonic_ms() < deadline_ms);
    return tc_fault_set(fault, TC_TIMEOUT, "only %" PRId64 " of %zu devices connected",
                        counters.values[COUNT_CONNECTED], wanted);
}

static enum tc_error run_ask_load(const struct options *options, struct control *control, struct simulation *simulation,
                                  int signals, struct tc_fault *fault)
{
    enum tc_error error = connect_all(control, simulation, options->connections, signals, fault);
    if (error != TC_OK)
        return error;
    const struct ask_load_config config = {
        .outstanding = options->outstanding,
        .warm_up_ms = WARM_UP_MS,
        .measure_ms = options->ask_load_ms,
        .give_up_ms = GIVE_UP_MS,
    };
    json_t *result = simulation_ask_load(simulation, &config);
    int printed = json_dumpf(result, stdout, JSON_COMPACT);
    json_decref(result);
    return printed == 0 && puts("") >= 0 ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "the result cannot be written");
}

static enum tc_error simulate(const struct options *options, const struct inputs *inputs, int signals,
                              struct tc_fault *fault)
{
    const struct simulation_config config = {
        .broker_host = options->broker_host,
        .broker_port = options->broker_port,
        .password = options->password,
        .credentials = inputs->credentials,
        .root = options->root,
        .keys = inputs->keys,
        .behaviours = inputs->behaviours,
        .any_audience = options->any_audience,
        .says_presence = !options->is_silent_about_presence,
        .only_asks = options->ask_load_ms > 0,
        .keep_alive_s = options->keep_alive_s,
        .connections = options->connections,
        .pending = options->pending,
        .connects_per_second = options->connects_per_second,
        .threads = options->threads,
    };
    struct simulation *simulation;
    struct control *control = NULL;
    enum tc_error error = simulation_open(&config, inputs->fleet, &simulation, fault);
    if (error != TC_OK)
        return error;
    error = control_open(options->control, simulation, &control, fault);
    if (error == TC_OK && config.only_asks)
        error = run_ask_load(options, control, simulation, signals, fault);
    else if (error == TC_OK)
        serve(control, simulation, signals, options->is_quiet);
    simulation_stop(simulation, LEAVE_MS);
    if (error == TC_OK && options->report != NULL)
        error = write_report(options->report, simulation, fault);
    control_close(control);
    simulation_free(simulation);
    return error;
}

/* Makes the signals that end a run readable from a descriptor, so that they interrupt no thread. */
static int open_signals(void)
{
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &ends, NULL) != 0)
        return -1;
    return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int count, char **words)
{
    struct options options;
    struct inputs inputs = {0};
    struct tc_fault fault = {0};
    enum options_outcome outcome = options_read(count, words, &options);
    int signals = open_signals();
    enum tc_error error = TC_OK;
    if (outcome == OPTIONS_READ) {
        error = signals < 0 ? tc_fault_set(&fault, TC_INTERNAL, "signalfd: %s", strerror(errno))
                            : read_inputs(&options, &inputs, &fault);
        if (error == TC_OK)
            error = simulate(&options, &inputs, signals, &fault);
        if (error != TC_OK)
            (void)fprintf(stderr, "tellercast-fleet: %s\n", fault.text);
    }
    free_inputs(&inputs);
    options_free(&options);
    if (signals >= 0)
        (void)close(signals);
    if (outcome == OPTIONS_WRONG)
        return EXIT_USAGE;
    return error == TC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
