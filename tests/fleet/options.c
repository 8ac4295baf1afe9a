#include "tests/fleet/options.h"

#include "config/scalar.h"
#include "topics/topic.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char help[] =
    "tellercast-fleet: a simulated fleet, each device with its own MQTT connection\n"
    "\n"
    "  --fleet FILE            branches and devices, .csv or .yaml\n"
    "  --behaviour FILE        how they behave; without it all do what they are told, at once\n"
    "  --broker HOST:PORT      or the path of a Unix socket\n"
    "  --keys FILE             JWK Set that instructions are verified with\n"
    "  --no-verify             take instructions without looking at their signature\n"
    "  --any-audience          take instructions that are for another device\n"
    "  --no-presence           say no presence and leave no will\n"
    "  --root TOPIC            topic root (tc/v1)\n"
    "  --password TEXT         of every device; the user name is its ID\n"
    "  --ca-file FILE          the broker's trusted certificate authorities: TLS\n"
    "  --device-authority FOLDER  with TLS: the authority that issues a certificate for each device\n"
    "  --connections N         at once (the limit of open files less 256)\n"
    "  --pending N             connections on their way at once (90, on a Unix socket 9: mosquitto's backlog is\n"
    "                          100, and 10)\n"
    "  --connect-rate N        new connections a second (2000)\n"
    "  --keep-alive SECONDS    (300)\n"
    "  --threads N             (1)\n"
    "  --control SOCKET        Unix socket for requests, one JSON object a line\n"
    "  --report FILE           JSON written at the end\n"
    "  --ask-load DURATION     connect all, ask for so long, print the result as JSON, and end\n"
    "  --outstanding N         asks that wait for their answer at once (256)\n"
    "  --quiet                 no progress\n";

enum option_name {
    OPTION_FLEET = 256,
    OPTION_BEHAVIOUR,
    OPTION_BROKER,
    OPTION_KEYS,
    OPTION_NO_VERIFY,
    OPTION_ANY_AUDIENCE,
    OPTION_NO_PRESENCE,
    OPTION_ROOT,
    OPTION_PASSWORD,
    OPTION_CA_FILE,
    OPTION_DEVICE_AUTHORITY,
    OPTION_CONNECTIONS,
    OPTION_PENDING,
    OPTION_CONNECT_RATE,
    OPTION_KEEP_ALIVE,
    OPTION_THREADS,
    OPTION_CONTROL,
    OPTION_REPORT,
    OPTION_ASK_LOAD,
    OPTION_OUTSTANDING,
    OPTION_QUIET,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"fleet", required_argument, NULL, OPTION_FLEET},
    {"behaviour", required_argument, NULL, OPTION_BEHAVIOUR},
    {"broker", required_argument, NULL, OPTION_BROKER},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"no-verify", no_argument, NULL, OPTION_NO_VERIFY},
    {"any-audience", no_argument, NULL, OPTION_ANY_AUDIENCE},
    {"no-presence", no_argument, NULL, OPTION_NO_PRESENCE},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"ca-file", required_argument, NULL, OPTION_CA_FILE},
    {"device-authority", required_argument, NULL, OPTION_DEVICE_AUTHORITY},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"pending", required_argument, NULL, OPTION_PENDING},
    {"connect-rate", required_argument, NULL, OPTION_CONNECT_RATE},
    {"keep-alive", required_argument, NULL, OPTION_KEEP_ALIVE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"ask-load", required_argument, NULL, OPTION_ASK_LOAD},
    {"outstanding", required_argument, NULL, OPTION_OUTSTANDING},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* File descriptors for other uses than connections: files, control sockets, libraries. */
enum { SPARE_DESCRIPTORS = 256, PORT_MAX = 65535, MANY = 1000000, PENDING = 90, PENDING_ON_UNIX_SOCKET = 9 };

static bool complain(const char *option, const char *allowed)
{
    (void)fprintf(stderr, "tellercast-fleet: --%s: allowed: %s\n", option, allowed);
    return false;
}

static bool read_size(const char *option, const char *text, size_t *size)
{
    int64_t number;
    if (!scalar_read_integer(text, &number) || number < 1 || number > MANY)
        return complain(option, "1 to 1000000");
    *size = (size_t)number;
    return true;
}

static bool read_broker(const char *text, struct options *options)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    bool is_path = text[0] == '/';
    if (!is_path && (colon == NULL || !scalar_read_integer(colon + 1, &port) || port < 1 || port > PORT_MAX))
        return complain("broker", "HOST:PORT or the path of a socket");
    free(options->broker_host);
    options->broker_host = is_path ? strdup(text) : strndup(text, (size_t)(colon - text));
    options->broker_port = (int)port;
    return options->broker_host != NULL;
}

static bool read_keep_alive(const char *text, struct options *options)
{
    int64_t seconds;
    if (!scalar_read_integer(text, &seconds) || seconds < 5 || seconds > PORT_MAX)
        return complain("keep-alive", "5 to 65535 seconds");
    options->keep_alive_s = (int)seconds;
    return true;
}

static bool read_ask_load(const char *text, struct options *options)
{
    return (scalar_read_duration(text, &options->ask_load_ms) && options->ask_load_ms > 0) ||
           complain("ask-load", "a duration such as 10s");
}

static bool read_option(int name, struct options *options)
{
    switch (name) {
    case OPTION_FLEET: options->fleet = optarg; return true;
    case OPTION_BEHAVIOUR: options->behaviour = optarg; return true;
    case OPTION_BROKER: return read_broker(optarg, options);
    case OPTION_KEYS: options->keys = optarg; return true;
    case OPTION_NO_VERIFY: options->verifies_nothing = true; return true;
    case OPTION_ANY_AUDIENCE: options->any_audience = true; return true;
    case OPTION_NO_PRESENCE: options->is_silent_about_presence = true; return true;
    case OPTION_ROOT: options->root = optarg; return topic_root_is_valid(optarg) || complain("root", "a topic root");
    case OPTION_PASSWORD: options->password = optarg; return true;
    case OPTION_CA_FILE: options->trust_file = optarg; return true;
    case OPTION_DEVICE_AUTHORITY: options->device_authority = optarg; return true;
    case OPTION_CONNECTIONS: return read_size("connections", optarg, &options->connections);
    case OPTION_PENDING: return read_size("pending", optarg, &options->pending);
    case OPTION_CONNECT_RATE: return read_size("connect-rate", optarg, &options->connects_per_second);
    case OPTION_KEEP_ALIVE: return read_keep_alive(optarg, options);
    case OPTION_THREADS: return read_size("threads", optarg, &options->threads);
    case OPTION_CONTROL: options->control = optarg; return true;
    case OPTION_REPORT: options->report = optarg; return true;
    case OPTION_ASK_LOAD: return read_ask_load(optarg, options);
    case OPTION_OUTSTANDING: return read_size("outstanding", optarg, &options->outstanding);
    case OPTION_QUIET: options->is_quiet = true; return true;
    default: return false;
    }
}

/* Raises the limit of open files as far as possible, and returns the number of connections that it allows. */
static size_t connections_possible(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return SPARE_DESCRIPTORS;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > MANY)
        return MANY;
    return limit.rlim_cur > (rlim_t)2 * SPARE_DESCRIPTORS ? (size_t)limit.rlim_cur - SPARE_DESCRIPTORS
                                                          : SPARE_DESCRIPTORS;
}

static bool are_complete(const struct options *options)
{
    if (options->fleet == NULL || options->broker_host == NULL)
        return complain("fleet", "a file, and --broker a broker");
    if (options->keys == NULL && !options->verifies_nothing && options->ask_load_ms == 0)
        return complain("keys", "a file, or --no-verify instead");
    if ((options->trust_file == NULL) != (options->device_authority == NULL))
        return complain("ca-file", "together with --device-authority");
    return true;
}

enum options_outcome options_read(int count, char **words, struct options *options)
{
    size_t possible = connections_possible();
    *options = (struct options){
        .root = TOPIC_ROOT_DEFAULT,
        .connections = possible,
        .connects_per_second = 2000,
        .threads = 1,
        .keep_alive_s = 300,
        .outstanding = 256,
    };
    for (int name; (name = getopt_long(count, words, "", long_options, NULL)) != -1;) {
        if (name == OPTION_HELP)
            return fputs(help, stdout) >= 0 ? OPTIONS_HELPED : OPTIONS_WRONG;
        if (!read_option(name, options))
            return OPTIONS_WRONG;
    }
    if (options->pending == 0)
        options->pending = options->broker_port == 0 ? PENDING_ON_UNIX_SOCKET : PENDING;
    if (options->connections > possible)
        (void)fprintf(stderr,
                      "tellercast-fleet: using %zu connections at once: the limit of open files allows no more\n",
                      possible);
    options->connections = options->connections < possible ? options->connections : possible;
    return optind == count && are_complete(options) ? OPTIONS_READ : OPTIONS_WRONG;
}

void options_free(struct options *options)
{
    free(options->broker_host);
}
