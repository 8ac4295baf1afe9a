#include "clients/ctl/commands/command.h"

#include "base/fault.h"
#include "config/suggestion.h"

#include <stdlib.h>
#include <string.h>

/* The command line while it is read. */
struct reading {
    char *const *words;
    size_t count, at;
    struct invocation *invocation;
    const struct command_group *group;
    bool help, version, options_ended;
    struct buffer *wrong;
};

const char option_required[] = "";

bool option_is_required(const struct option *option)
{
    return option->default_value == option_required;
}

const struct command *command_find(const char *group, const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        bool same_group = group == NULL ? commands[i].group == NULL
                                        : commands[i].group != NULL && strcmp(commands[i].group, group) == 0;
        if (same_group && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static const struct command_group *find_group(const char *name)
{
    for (size_t i = 0; i < command_group_count; i++) {
        if (strcmp(command_groups[i].name, name) == 0)
            return &command_groups[i];
    }
    return NULL;
}

static const struct option *find_in(const struct option *options, const char *name, size_t length)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
            return options;
    }
    return NULL;
}

static const struct option *find_option(const struct command *command, const char *name, size_t length)
{
    const struct option *own = command == NULL ? NULL : find_in(command->options, name, length);
    return own != NULL ? own : find_in(global_options, name, length);
}

static void suggest(struct buffer *wrong, const struct suggestion *suggestion, const char *before)
{
    if (suggestion->nearest != NULL)
        buffer_format(wrong, "; did you mean %s%s?", before, suggestion->nearest);
}

static bool refuse_option(struct reading *reading, const char *name, size_t length)
{
    char found[64];
    size_t kept = length < sizeof found ? length : sizeof found - 1;
    memcpy(found, name, kept);
    found[kept] = '\0';
    struct suggestion suggestion = {.found = found};
    const struct command *command = reading->invocation->command;
    for (const struct option *o = command == NULL ? NULL : command->options; o != NULL && o->name != NULL; o++)
        suggestion_offer(&suggestion, o->name);
    for (const struct option *o = global_options; o->name != NULL; o++)
        suggestion_offer(&suggestion, o->name);
    buffer_format(reading->wrong, "unknown option --%s", found);
    suggest(reading->wrong, &suggestion, "--");
    return false;
}

/* A word "--name", "--name=value", or "--name" before its value. */
static bool read_option(struct reading *reading, const char *word)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct option *option = find_option(reading->invocation->command, name, length);
    if (option == NULL)
        return refuse_option(reading, name, length);
    if (option->value == NULL && value != NULL) {
        buffer_format(reading->wrong, "--%s takes no value", option->name);
        return false;
    }
    if (option->value != NULL && value == NULL) {
        if (reading->at == reading->count) {
            buffer_format(reading->wrong, "--%s needs a value: %s", option->name, option->value);
            return false;
        }
        value = reading->words[reading->at++];
    }
    if (strcmp(option->name, "help") == 0)
        reading->help = true;
    if (strcmp(option->name, "version") == 0 && option->value == NULL)
        reading->version = true;
    struct invocation *invocation = reading->invocation;
    if (invocation->given_count == OPTIONS_GIVEN_MAX) {
        buffer_format(reading->wrong, "more than %d options", OPTIONS_GIVEN_MAX);
        return false;
    }
    invocation->given[invocation->given_count++] = (struct option_given){option, value};
    return true;
}

/* The long form of a short option: "--output" for "-o". NULL for any other word. */
static const char *long_option(const char *word)
{
    static const struct {
        const char *letter, *word;
    } letters[] = {{"-h", "--help"}, {"-o", "--output"}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (strcmp(letters[i].letter, word) == 0)
            return letters[i].word;
    }
    return NULL;
}

static bool refuse_command(struct reading *reading, const char *word)
{
    struct suggestion suggestion = {.found = word};
    for (size_t i = 0; i < command_count; i++) {
        bool here = reading->group == NULL
                        ? commands[i].group == NULL
                        : commands[i].group != NULL && strcmp(commands[i].group, reading->group->name) == 0;
        if (here)
            suggestion_offer(&suggestion, commands[i].name);
    }
    for (size_t i = 0; reading->group == NULL && i < command_group_count; i++)
        suggestion_offer(&suggestion, command_groups[i].name);
    buffer_format(reading->wrong, "unknown command \"%s%s%.64s\"", reading->group == NULL ? "" : reading->group->name,
                  reading->group == NULL ? "" : " ", word);
    suggest(reading->wrong, &suggestion, "");
    return false;
}

/* A word can be a command and a group, such as freeze: it is the group when a word follows that is no option. */
static bool command_follows(const struct reading *reading)
{
    return reading->at < reading->count && reading->words[reading->at][0] != '-';
}

static bool read_word(struct reading *reading, const char *word)
{
    struct invocation *invocation = reading->invocation;
    if (invocation->command != NULL) {
        invocation->arguments[invocation->argument_count++] = word;
        return true;
    }
    bool is_group_word = reading->group == NULL && find_group(word) != NULL && command_follows(reading);
    if (!is_group_word)
        invocation->command = command_find(reading->group == NULL ? NULL : reading->group->name, word);
    if (invocation->command != NULL)
        return true;
    if (reading->group == NULL) {
        reading->group = find_group(word);
        if (reading->group != NULL)
            return true;
    }
    return refuse_command(reading, word);
}

static bool read_words(struct reading *reading)
{
    while (reading->at < reading->count) {
        const char *word = reading->words[reading->at++];
        bool fine;
        if (reading->options_ended || word[0] != '-' || word[1] == '\0') {
            fine = read_word(reading, word);
        } else if (strcmp(word, "--") == 0) {
            reading->options_ended = true;
            fine = true;
        } else if (long_option(word) != NULL) {
            fine = read_option(reading, long_option(word));
        } else if (word[1] != '-') {
            buffer_format(reading->wrong, "unknown option %.64s", word);
            fine = false;
        } else {
            fine = read_option(reading, word);
        }
        if (!fine)
            return false;
    }
    return true;
}

static bool count_arguments(const struct invocation *invocation, struct buffer *wrong)
{
    const struct command *command = invocation->command;
    if (invocation->argument_count >= command->least && invocation->argument_count <= command->most)
        return true;
    if (command->most == 0)
        buffer_format(wrong, "takes no argument, found \"%.64s\"", invocation->arguments[0]);
    else if (invocation->argument_count < command->least)
        buffer_format(wrong, "needs %s", command->arguments);
    else
        buffer_format(wrong, "takes %s, found also \"%.64s\"", command->arguments,
                      invocation->arguments[command->most]);
    return false;
}

static bool has_what_it_needs(const struct invocation *invocation, struct buffer *wrong)
{
    for (const struct option *o = invocation->command->options; o != NULL && o->name != NULL; o++) {
        if (option_is_required(o) && invocation_option(invocation, o->name) == NULL) {
            buffer_format(wrong, "--%s is required", o->name);
            return false;
        }
    }
    return true;
}

enum command_line command_line_parse(int count, char *const *words, struct invocation *invocation,
                                     const struct command_group **group, struct buffer *wrong)
{
    *invocation = (struct invocation){.arguments = calloc((size_t)count + 1, sizeof(char *))};
    TC_CHECK(invocation->arguments != NULL);
    struct reading reading = {words, (size_t)count, 1, invocation, NULL, false, false, false, wrong};
    bool fine = read_words(&reading);
    *group = reading.group;
    if (!fine)
        return reading.help ? COMMAND_LINE_HELP : COMMAND_LINE_WRONG;
    if (reading.help)
        return COMMAND_LINE_HELP;
    if (reading.version)
        return COMMAND_LINE_VERSION;
    if (invocation->command == NULL) {
        buffer_put_text(wrong, "no command given");
        return COMMAND_LINE_WRONG;
    }
    bool is_whole = count_arguments(invocation, wrong) && has_what_it_needs(invocation, wrong);
    return is_whole ? COMMAND_LINE_RUN : COMMAND_LINE_WRONG;
}

void invocation_free(struct invocation *invocation)
{
    free(invocation->arguments);
    *invocation = (struct invocation){0};
}

static const struct option_given *find_given(const struct invocation *invocation, const char *name)
{
    for (size_t i = invocation->given_count; i > 0; i--) {
        if (strcmp(invocation->given[i - 1].option->name, name) == 0)
            return &invocation->given[i - 1];
    }
    return NULL;
}

bool invocation_has(const struct invocation *invocation, const char *name)
{
    return find_given(invocation, name) != NULL;
}

const char *invocation_option(const struct invocation *invocation, const char *name)
{
    const struct option_given *given = find_given(invocation, name);
    if (given != NULL)
        return given->value;
    const struct option *option = find_option(invocation->command, name, strlen(name));
    TC_CHECK(option != NULL);
    const char *value = option->variable == NULL ? NULL : getenv(option->variable);
    if (value != NULL && *value != '\0')
        return value;
    return option_is_required(option) ? NULL : option->default_value;
}
