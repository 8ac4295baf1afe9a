#include "clients/technician/order.h"

#include "config/scalar.h"

#include <getopt.h>
#include <string.h>

static const struct command {
    const char *name, *arguments, *help;
    enum technician_order order;
} commands[] = {
    {"status", "", "show the connection, the clock, the certificate, what is ordered, and why it waits",
     TECHNICIAN_STATUS},
    {"hold", " DURATION --reason TEXT",
     "begin no installation for this time, 1m to 24h; one that runs goes on; a new hold takes the place of the old",
     TECHNICIAN_HOLD},
    {"release", "", "end the hold", TECHNICIAN_RELEASE},
    {"retry-connect", "", "try to connect to the broker now", TECHNICIAN_RETRY_CONNECT},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

enum option_value { OPTION_SOCKET = 's', OPTION_HELP = 'h', OPTION_REASON = 256, OPTION_JSON, OPTION_VERSION };

void order_print_help(FILE *out)
{
    (void)fputs(
        "Usage: tellercast-agent [--socket FILE] [--json] COMMAND\n"
        "Asks the agent of this machine, for the technician who stands before it. The agent serves root, its own\n"
        "user, and the members of its technician.group.\n\n",
        out);
    for (int i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %s%s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    (void)fputs("\n"
                "  -s, --socket FILE  the agent's technician.socket (default: " ORDER_SOCKET_DEFAULT ")\n"
                "      --reason TEXT  why the machine is held, at most 200 bytes; the operators see it\n"
                "      --json         print the agent's answer as JSON\n"
                "      --version      print the version and exit\n"
                "  -h, --help         print this help and exit\n\n"
                "Exit codes: 0 done, 1 refused or failed, 2 usage, 7 the agent is not reached.\n",
                out);
}

static const struct command *find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static bool complain(const char *text)
{
    (void)fprintf(stderr, "tellercast-agent: %s; see tellercast-agent --help\n", text);
    return false;
}

static bool read_reason(const char *reason, struct technician_request *request)
{
    if (reason == NULL || reason[0] == '\0')
        return complain("--reason: must say why the machine is held");
    if (strlen(reason) > HELD_REASON_MAX)
        return complain("--reason: must have at most 200 bytes");
    memcpy(request->reason, reason, strlen(reason) + 1);
    return true;
}

static bool read_hold(const char *duration, const char *reason, struct technician_request *request)
{
    if (!scalar_read_duration(duration, &request->for_ms) || request->for_ms < TECHNICIAN_HOLD_LEAST_MS ||
        request->for_ms > TECHNICIAN_HOLD_MAX_MS)
        return complain("hold: DURATION must be 1m to 24h, for example 2h");
    return read_reason(reason, request);
}

static bool read_command(int word_count, char **words, const char *reason, struct order *order)
{
    if (word_count == 0)
        return complain("a command is missing");
    const struct command *command = find_command(words[0]);
    if (command == NULL)
        return complain("unknown command");
    bool is_hold = command->order == TECHNICIAN_HOLD;
    if (word_count != (is_hold ? 2 : 1))
        return complain(is_hold ? "hold: a DURATION is needed, and nothing else" : "too many words");
    if (!is_hold && reason != NULL)
        return complain("--reason: only a hold has one");
    order->request.order = command->order;
    return !is_hold || read_hold(words[1], reason, &order->request);
}

bool order_read(int argument_count, char **arguments, struct order *order)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, OPTION_SOCKET}, {"reason", required_argument, NULL, OPTION_REASON},
        {"json", no_argument, NULL, OPTION_JSON},           {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},           {0},
    };
    const char *reason = NULL;
    int option;
    *order = (struct order){.socket_path = ORDER_SOCKET_DEFAULT};
    while ((option = getopt_long(argument_count, arguments, "s:h", options, NULL)) != -1) {
        switch (option) {
        case OPTION_SOCKET: order->socket_path = optarg; break;
        case OPTION_REASON: reason = optarg; break;
        case OPTION_JSON: order->prints_json = true; break;
        case OPTION_VERSION: order->prints_version = true; break;
        case OPTION_HELP: order->prints_help = true; break;
        default: return false;
        }
    }
    if (order->prints_help || order->prints_version)
        return true;
    return read_command(argument_count - optind, arguments + optind, reason, order);
}
