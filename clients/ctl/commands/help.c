#include "clients/ctl/commands/help.h"

#include "clients/ctl/commands/exit_code.h"
#include "clients/ctl/screen/text.h"

#include <string.h>

enum { LINE_WIDTH = 96, HELP_COLUMN = 30 };

static void put_title(const char *title, const struct screen *screen, struct buffer *out)
{
    screen_begin_tone(screen, TONE_STRONG, out);
    buffer_put_text(out, title);
    screen_end_tone(screen, TONE_STRONG, out);
    buffer_put_text(out, "\n");
}

/* "[--key-file FILE]" is one word. */
static size_t word_length(const char *text)
{
    return *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, " ");
}

/* Writes words from column `column` on, and wraps long lines to the same column. */
static void put_wrapped(const char *text, unsigned column, struct buffer *out)
{
    unsigned at = column;
    while (*text != '\0') {
        size_t length = word_length(text);
        if (at > column && at + 1 + length > LINE_WIDTH) {
            buffer_format(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            buffer_put_text(out, " ");
            at++;
        }
        buffer_put(out, text, length);
        at += (unsigned)length;
        text += length;
        text += strspn(text, " ");
    }
    buffer_put_text(out, "\n");
}

/* A name and its explanation in the next column, or below a long name. */
static void put_entry(const char *name, const char *help, struct buffer *out)
{
    buffer_format(out, "  %s", name);
    unsigned width = 2 + text_width(name);
    if (width + 2 > HELP_COLUMN) {
        buffer_put_text(out, "\n");
        width = 0;
    }
    buffer_format(out, "%*s", (int)(HELP_COLUMN - width), "");
    put_wrapped(help, HELP_COLUMN, out);
}

void help_put_option_name(const struct option *option, struct buffer *out)
{
    buffer_format(out, "--%s%s%s", option->name, option->value == NULL ? "" : " ",
                  option->value == NULL ? "" : option->value);
}

void help_put_option(const struct option *option, struct buffer *out)
{
    buffer_put_text(out, option->help);
    if (option_is_required(option))
        buffer_put_text(out, " Required.");
    else if (option->default_value != NULL)
        buffer_format(out, " Default: %s.", option->default_value);
    if (option->variable != NULL)
        buffer_format(out, " Environment: %s.", option->variable);
}

static void put_options(const struct option *options, struct buffer *out)
{
    for (; options != NULL && options->name != NULL; options++) {
        struct buffer name = {0};
        struct buffer help = {0};
        help_put_option_name(options, &name);
        help_put_option(options, &help);
        put_entry(buffer_text(&name), buffer_text(&help), out);
        buffer_free(&name);
        buffer_free(&help);
    }
}

bool help_is_in_group(const struct command *command, const struct command_group *group)
{
    if (group == NULL || command->group == NULL)
        return group == NULL && command->group == NULL;
    return strcmp(command->group, group->name) == 0;
}

static void put_command_name(const struct command *command, struct buffer *out)
{
    buffer_format(out, "%s%s%s", command->group == NULL ? "" : command->group, command->group == NULL ? "" : " ",
                  command->name);
}

static void put_commands(const struct command_group *group, struct buffer *out)
{
    for (size_t i = 0; i < command_count; i++) {
        if (!help_is_in_group(&commands[i], group))
            continue;
        struct buffer name = {0};
        put_command_name(&commands[i], &name);
        if (*commands[i].arguments != '\0')
            buffer_format(&name, " %s", commands[i].arguments);
        put_entry(buffer_text(&name), commands[i].summary, out);
        buffer_free(&name);
    }
}

void help_put_usage(const struct command *command, struct buffer *out)
{
    buffer_put_text(out, "tellercast ");
    put_command_name(command, out);
    if (*command->arguments != '\0')
        buffer_format(out, " %s", command->arguments);
    for (const struct option *option = command->options; option != NULL && option->name != NULL; option++) {
        buffer_put_text(out, option_is_required(option) ? " " : " [");
        help_put_option_name(option, out);
        buffer_put_text(out, option_is_required(option) ? "" : "]");
    }
}

void help_put_command(const struct command *command, const struct screen *screen, struct buffer *out)
{
    struct buffer usage = {0};
    help_put_usage(command, &usage);
    buffer_put_text(out, "Usage: ");
    put_wrapped(buffer_text(&usage), (unsigned)strlen("Usage: "), out);
    buffer_free(&usage);
    buffer_format(out, "\n%s\n", command->summary);
    if (command->more != NULL) {
        buffer_put_text(out, "\n");
        put_wrapped(command->more, 0, out);
    }
    if (command->options != NULL && command->options->name != NULL) {
        buffer_put_text(out, "\n");
        put_title("Options", screen, out);
        put_options(command->options, out);
    }
    buffer_put_text(out, "\nOptions of every command: tellercast --help\n");
}

void help_put_group(const struct command_group *group, const struct screen *screen, struct buffer *out)
{
    buffer_format(out, "Usage: tellercast %s COMMAND\n\n%s\n\n", group->name, group->summary);
    put_title("Commands", screen, out);
    put_commands(group, out);
    buffer_format(out, "\nHelp on one command: tellercast %s COMMAND --help\n", group->name);
}

static void put_exit_codes(struct buffer *out)
{
    for (size_t i = 0; i < exit_meaning_count; i++)
        buffer_format(out, "  %d  %s\n", (int)exit_meanings[i].code, exit_meanings[i].meaning);
}

void help_put_all(const struct screen *screen, struct buffer *out)
{
    buffer_put_text(out, "tellercast " TELLERCAST_VERSION ": upgrades a bank's machines over MQTT\n\n"
                         "Usage: tellercast COMMAND [OPTION]\n");
    for (size_t i = 0; i < command_group_count; i++) {
        buffer_put_text(out, "\n");
        put_title(command_groups[i].summary, screen, out);
        put_commands(&command_groups[i], out);
    }
    buffer_put_text(out, "\n");
    put_title("Other", screen, out);
    put_commands(NULL, out);
    buffer_put_text(out, "\n");
    put_title("Options of every command", screen, out);
    put_options(global_options, out);
    buffer_put_text(out, "\n");
    put_title("Exit codes", screen, out);
    put_exit_codes(out);
}

/* An unescaped bar ends a cell of a Markdown table. */
static void put_cell(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buffer_put_text(out, "\\");
        buffer_put(out, text, 1);
    }
}

static void put_markdown_options(const struct option *options, struct buffer *out)
{
    buffer_put_text(out, "| option | meaning |\n|---|---|\n");
    for (; options->name != NULL; options++) {
        struct buffer name = {0};
        help_put_option_name(options, &name);
        buffer_put_text(out, "| `");
        put_cell(buffer_text(&name), out);
        buffer_put_text(out, "` | ");
        buffer_free(&name);
        help_put_option(options, out);
        buffer_put_text(out, " |\n");
    }
    buffer_put_text(out, "\n");
}

static void put_markdown_command(const struct command *command, struct buffer *out)
{
    buffer_put_text(out, "### tellercast ");
    put_command_name(command, out);
    buffer_put_text(out, "\n```\n");
    help_put_usage(command, out);
    buffer_format(out, "\n```\n%s", command->summary);
    if (command->more != NULL)
        buffer_format(out, " %s", command->more);
    buffer_put_text(out, "\n\n");
    if (command->options != NULL && command->options->name != NULL)
        put_markdown_options(command->options, out);
}

void help_put_markdown(struct buffer *out)
{
    buffer_put_text(out, "# The command line\n\n"
                         "<!-- Written by `tellercast help --markdown`; a test compares the two. -->\n\n"
                         "`tellercast` is the operator's command. Data goes to standard output, messages to "
                         "standard error; `--json` gives the data as JSON. Colours and live progress bars appear on "
                         "a terminal only.\n\n"
                         "`ID|NAME` is the ID or the name of a rollout. If it matches two rollouts, the command "
                         "names both and does nothing: use `id=7` or `name=7`.\n\n");
    for (size_t i = 0; i <= command_group_count; i++) {
        const struct command_group *group = i < command_group_count ? &command_groups[i] : NULL;
        buffer_format(out, "## %s\n\n", group != NULL ? group->summary : "Other");
        for (size_t k = 0; k < command_count; k++) {
            if (help_is_in_group(&commands[k], group))
                put_markdown_command(&commands[k], out);
        }
    }
    buffer_put_text(out, "## Options of every command\n\n"
                         "An option takes precedence over its environment variable, and that over the default. No "
                         "other environment variable changes where the command connects.\n\n");
    put_markdown_options(global_options, out);
    buffer_put_text(out, "## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (size_t i = 0; i < exit_meaning_count; i++)
        buffer_format(out, "| %d | %s |\n", (int)exit_meanings[i].code, exit_meanings[i].meaning);
}
