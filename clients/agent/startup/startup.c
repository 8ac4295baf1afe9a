#include "clients/agent/startup/startup.h"

#include "base/log.h"

#include <getopt.h>
#include <stdlib.h>

enum option_value { OPTION_CONFIG = 'c', OPTION_HELP = 'h', OPTION_PRINT_CONFIG = 256, OPTION_VERSION };

bool startup_read_line(int argument_count, char **arguments, struct startup_line *line)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    int option;
    *line = (struct startup_line){0};
    while ((option = getopt_long(argument_count, arguments, "c:h", options, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG: line->config = optarg; break;
        case OPTION_PRINT_CONFIG: line->prints_config = true; break;
        case OPTION_VERSION: line->prints_version = true; break;
        case OPTION_HELP: line->prints_help = true; break;
        default: return false;
        }
    }
    return optind == argument_count &&
           (line->config != NULL || line->prints_config || line->prints_version || line->prints_help);
}

void startup_print_help(FILE *out, const char *name, const char *purpose)
{
    (void)fprintf(out,
                  "Usage: %s --config FILE\n"
                  "%s\n\n"
                  "  -c, --config FILE   settings file (YAML)\n"
                  "      --print-config  print the effective settings with descriptions, and exit\n"
                  "      --version       print the version and exit\n"
                  "  -h, --help          print this help and exit\n",
                  name, purpose);
}

enum tc_error startup_load_settings(const struct settings_table *table, const char *path, void *settings)
{
    struct document_faults faults = {0};
    struct buffer text = {0};
    if (path == NULL) {
        settings_set_defaults(table, settings);
        return TC_OK;
    }
    enum tc_error error = settings_load(table, path, settings, &faults);
    document_faults_print(&faults, path, &text);
    (void)fputs(buffer_text(&text), stderr);
    buffer_free(&text);
    document_faults_free(&faults);
    return error;
}

void startup_print_settings(const struct settings_table *table, const void *settings)
{
    struct buffer text = {0};
    settings_print(table, settings, &text);
    (void)fputs(buffer_text(&text), stdout);
    buffer_free(&text);
}

void startup_set_log(const char *level_text, const char *format_text)
{
    enum log_level level;
    enum log_format format;
    TC_CHECK(log_level_parse(level_text, &level) && log_format_parse(format_text, &format));
    log_set_level(level);
    log_set_format(format);
}

int startup_flush(const char *name)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "%s: cannot write to standard output\n", name);
    return EXIT_FAILURE;
}
