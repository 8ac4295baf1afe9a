/* fish shows the summary of a command and the help of an option beside the word. */
#include "clients/ctl/commands/completion.h"

#include <string.h>

/* Appends a text in single quotes. */
static void put_quoted(const char *text, struct buffer *out)
{
    buffer_put_text(out, "'");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\')
            buffer_put_text(out, "\\");
        buffer_put(out, c, 1);
    }
    buffer_put_text(out, "'");
}

static void put_valued(const struct option *option, struct buffer *out)
{
    buffer_format(out, " --%s", option->name);
}

/* A word that may follow the words `given`. */
static void put_word(const char *given, const char *word, const char *description, struct buffer *out)
{
    buffer_format(out, "complete -c tellercast -n '__tellercast_given_are \"%s\"' -f -a %s -d ", given, word);
    put_quoted(description, out);
    buffer_put_text(out, "\n");
}

/* Options that may follow a command; NULL: that may always be given. */
static void put_options(const struct command *command, const struct option *options, struct buffer *out)
{
    for (; options != NULL && options->name != NULL; options++) {
        buffer_put_text(out, "complete -c tellercast");
        if (command != NULL) {
            buffer_put_text(out, " -n '__tellercast_given_begin \"");
            completion_put_name(command, out);
            buffer_put_text(out, "\"'");
        }
        buffer_format(out, " -l %s", options->name);
        if (options->value != NULL && strchr(options->value, '|') != NULL) {
            buffer_put_text(out, " -x -a '");
            completion_put_choices(options, " ", out);
            buffer_put_text(out, "'");
        } else if (options->value != NULL) {
            buffer_put_text(out, " -r");
        }
        buffer_put_text(out, " -d ");
        put_quoted(options->help, out);
        buffer_put_text(out, "\n");
    }
}

void completion_put_fish(struct buffer *out)
{
    buffer_put_text(out, "# fish completion of tellercast\n"
                         "function __tellercast_given\n"
                         "    set -l given\n"
                         "    set -l is_value\n"
                         "    for word in (commandline -opc)[2..]\n"
                         "        if test -n \"$is_value\"\n"
                         "            set is_value\n"
                         "            continue\n"
                         "        end\n"
                         "        switch $word\n"
                         "            case");
    completion_each_value(put_valued, out);
    buffer_put_text(out, " -o\n"
                         "                set is_value yes\n"
                         "            case '-*'\n"
                         "            case '*'\n"
                         "                set -a given $word\n"
                         "        end\n"
                         "    end\n"
                         "    string join ' ' -- $given\n"
                         "end\n"
                         "function __tellercast_given_are\n"
                         "    test \"$(__tellercast_given)\" = \"$argv\"\n"
                         "end\n"
                         "function __tellercast_given_begin\n"
                         "    string match -q -- \"$argv *\" \"$(__tellercast_given) \"\n"
                         "end\n");
    put_options(NULL, global_options, out);
    for (size_t i = 0; i < command_group_count; i++)
        put_word("", command_groups[i].name, command_groups[i].summary, out);
    for (size_t i = 0; i < command_count; i++) {
        put_word(commands[i].group == NULL ? "" : commands[i].group, commands[i].name, commands[i].summary, out);
        put_options(&commands[i], commands[i].options, out);
    }
}
