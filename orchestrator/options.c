#include "orchestrator/options.h"

#include "base/log.h"
#include "orchestrator/cache/access.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/peers_check.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/settings_check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: tellercastd [--config FILE]\n"
    "       tellercastd migrate [--config FILE]\n"
    "       tellercastd admin create NAME [--config FILE]\n"
    "       tellercastd audit expire --out FOLDER --key FILE [--config FILE]\n"
    "Upgrades a bank's cash machines over MQTT. With migrate it brings the tables to this version, gives\n"
    "the roles of the database their rights, and exits. With admin create, run as the daemon's user, it\n"
    "makes an admin, prints a token, and exits: for the first two admins, and when their tokens are lost.\n"
    "With audit expire it exports the acts that are older than audit.retention, signs the export, and then\n"
    "deletes them; it needs the role of the database that owns the tables, as migrate does.\n"
    "\n"
    "  -c, --config FILE  settings file (YAML); settings that it omits have their defaults\n"
    "      --out FOLDER   with audit expire: folder of the export and its signature\n"
    "      --key FILE     with audit expire: private key (EC P-256 or RSA, PEM) that signs the export\n"
    "      --check-config check the settings and the files that they name, and exit\n"
    "      --print-access print what people may do, at which endpoint, and which roles may; and exit\n"
    "      --print-config print all settings in force, with their meaning, and exit\n"
    "      --print-redis-acl\n"
    "                     print the users of Redis, for its aclfile: redis.user may send what the\n"
    "                     orchestrator sends, under redis.prefix; and exit\n"
    "      --print-states print every legal move of an instruction and, after an empty line, of a\n"
    "                     rollout, and exit\n"
    "      --version      print the version and exit\n"
    "  -h, --help         print this help and exit\n"
    "\n"
    "SIGHUP reloads the settings; an invalid file leaves the old ones in force. SIGTERM stops the\n"
    "program.\n";

enum {
    OPTION_CHECK = 256,
    OPTION_PRINT_CONFIG,
    OPTION_PRINT_STATES,
    OPTION_PRINT_REDIS_ACL,
    OPTION_PRINT_ACCESS,
    OPTION_OUT,
    OPTION_KEY,
    OPTION_VERSION
};

enum { PAIR_SIZE = 32 };

static void name_pair(char *name, enum instruction_state state, enum instruction_substate substate)
{
    (void)snprintf(name, PAIR_SIZE, "%s/%s", instruction_state_name(state), instruction_substate_name(state, substate));
}

static void print_states(void)
{
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        char from[PAIR_SIZE], to[PAIR_SIZE];
        name_pair(from, rule->from, rule->from_substate);
        name_pair(to, rule->to, rule->to_substate);
        (void)printf("%-22s %-14s %-22s %s\n", from, instruction_event_name(rule->on), to, rule->why);
    }
    (void)putchar('\n');
    for (size_t i = 0; i < rollout_rule_count; i++) {
        const struct rollout_rule *rule = &rollout_rules[i];
        (void)printf("%-17s %-15s %-17s %s\n", rollout_state_name(rule->from), rollout_event_name(rule->on),
                     rollout_state_name(rule->to), rule->why);
    }
}

static void print_settings(const struct daemon_settings *settings)
{
    struct buffer text = {0};
    settings_print(&daemon_settings_table, settings, &text);
    (void)fputs(buffer_text(&text), stdout);
    buffer_free(&text);
}

static void print_access(void)
{
    struct buffer text = {0};
    intake_write_access(&text);
    (void)fputs(buffer_text(&text), stdout);
    buffer_free(&text);
}

static bool print_redis_acl(const struct daemon_settings *settings)
{
    char *password = NULL;
    struct tc_fault fault;
    enum tc_error error = *settings->redis_user == '\0'
                              ? tc_fault_set(&fault, TC_INVALID, "redis.user: must be set; it is empty")
                              : daemon_setup_password(settings->redis_password_file, &password, &fault);
    struct buffer lines = {0};
    if (error == TC_OK) {
        cache_write_access(settings->redis_user, password, settings->redis_prefix, &lines);
        (void)fputs(buffer_text(&lines), stdout);
    } else {
        (void)fprintf(stderr, "tellercastd: %s\n", fault.text);
    }
    buffer_free(&lines);
    free(password);
    return error == TC_OK;
}

bool options_read_settings(const char *config_file, enum settings_use use, struct daemon_settings *settings,
                           struct document_faults *faults)
{
    bool is_read = true;
    if (config_file == NULL)
        settings_set_defaults(&daemon_settings_table, settings);
    else
        is_read = settings_load(&daemon_settings_table, config_file, settings, faults) == TC_OK;
    if (is_read && config_file != NULL)
        settings_check(settings, faults);
    if (is_read && use == SETTINGS_TO_RUN)
        peers_check(settings, faults);
    if (is_read && use == SETTINGS_TO_MIGRATE)
        peers_check_migration(settings, faults);
    if (faults->total == 0)
        return true;
    settings_free(&daemon_settings_table, settings);
    return false;
}

static enum settings_use use_of(const struct options *options, int action)
{
    if (action == 0)
        return options->migrates || options->expires_acts ? SETTINGS_TO_MIGRATE : SETTINGS_TO_RUN;
    return action == OPTION_CHECK ? SETTINGS_TO_RUN : SETTINGS_TO_PRINT;
}

static bool read_settings_first(struct options *options, int action)
{
    struct document_faults faults = {0};
    bool good = options_read_settings(options->config_file, use_of(options, action), &options->settings, &faults);
    if (good && action == OPTION_CHECK)
        settings_check_files(&options->settings, &faults);
    good = faults.total == 0;
    if (!good) {
        struct buffer text = {0};
        document_faults_print(&faults, options->config_file == NULL ? "settings" : options->config_file, &text);
        (void)fputs(buffer_text(&text), stderr);
        buffer_free(&text);
    }
    document_faults_free(&faults);
    if (!good && !options->done)
        LOG_ERROR("daemon.not_started", F_STR("reason", "the settings are refused"));
    return good;
}

/* Output may still fail when it is flushed: to a full disk, say. */
static bool flush_output(int *exit_code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    (void)fprintf(stderr, "tellercastd: cannot write to standard output\n");
    *exit_code = EXIT_FAILURE;
    return false;
}

/* False: the output could not be made; a message is on stderr. */
static bool print_requested(int action, const struct daemon_settings *settings)
{
    switch (action) {
    case 'h': (void)fputs(help, stdout); break;
    case OPTION_VERSION: (void)printf("tellercastd %s\n", TELLERCAST_VERSION); break;
    case OPTION_PRINT_STATES: print_states(); break;
    case OPTION_PRINT_ACCESS: print_access(); break;
    case OPTION_PRINT_CONFIG: print_settings(settings); break;
    case OPTION_PRINT_REDIS_ACL: return print_redis_acl(settings);
    default: break;
    }
    return true;
}

/* Returns how many of the arguments are those of a command. */
static int read_command(int count, char **arguments, struct options *options)
{
    options->migrates = count >= 1 && strcmp(arguments[0], "migrate") == 0;
    if (options->migrates)
        return 1;
    options->expires_acts = count >= 2 && strcmp(arguments[0], "audit") == 0 && strcmp(arguments[1], "expire") == 0;
    if (options->expires_acts)
        return 2;
    if (count < 3 || strcmp(arguments[0], "admin") != 0 || strcmp(arguments[1], "create") != 0)
        return 0;
    options->new_admin = arguments[2];
    return 3;
}

bool options_read(int argc, char **argv, struct options *options, int *exit_code)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, OPTION_CHECK},
        {"print-access", no_argument, NULL, OPTION_PRINT_ACCESS},
        {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
        {"print-redis-acl", no_argument, NULL, OPTION_PRINT_REDIS_ACL},
        {"print-states", no_argument, NULL, OPTION_PRINT_STATES},
        {"out", required_argument, NULL, OPTION_OUT},
        {"key", required_argument, NULL, OPTION_KEY},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    *options = (struct options){0};
    *exit_code = EXIT_SUCCESS;
    int action = 0;
    for (int option; (option = getopt_long(argc, argv, "c:h", known, NULL)) != -1;) {
        if (option == '?') {
            *exit_code = EXIT_USAGE;
            return false;
        }
        if (option == 'c')
            options->config_file = optarg;
        else if (option == OPTION_OUT)
            options->expiry_folder = optarg;
        else if (option == OPTION_KEY)
            options->expiry_key_file = optarg;
        else
            action = option;
    }
    int known_arguments = read_command(argc - optind, argv + optind, options);
    if (optind + known_arguments < argc) {
        (void)fprintf(stderr, "tellercastd: unexpected argument: %s\n", argv[optind + known_arguments]);
        *exit_code = EXIT_USAGE;
        return false;
    }
    bool has_files = options->expiry_folder != NULL && options->expiry_key_file != NULL;
    bool has_any = options->expiry_folder != NULL || options->expiry_key_file != NULL;
    if (action == 0 && (options->expires_acts ? !has_files : has_any)) {
        (void)fputs("tellercastd: --out and --key must be given with audit expire, and with nothing else\n", stderr);
        *exit_code = EXIT_USAGE;
        return false;
    }
    options->done = action != 0;
    bool wants_settings =
        action != 'h' && action != OPTION_VERSION && action != OPTION_PRINT_STATES && action != OPTION_PRINT_ACCESS;
    if (wants_settings && !read_settings_first(options, action)) {
        *exit_code = EXIT_FAILURE;
        return false;
    }
    if (!print_requested(action, &options->settings)) {
        *exit_code = EXIT_FAILURE;
        return false;
    }
    return flush_output(exit_code);
}

void options_free(struct options *options)
{
    settings_free(&daemon_settings_table, &options->settings);
}
