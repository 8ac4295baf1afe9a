/* zsh shows the summary of a command and the help of an option beside the word. */
#include "clients/ctl/commands/completion.h"

#include <string.h>

/* Appends a word and its description, as _describe reads them, in single quotes. */
static void put_described(const char *dashes, const char *word, const char *description, struct buffer *out)
{
    buffer_format(out, " '%s%s:", dashes, word);
    for (const char *c = description; *c != '\0'; c++) {
        if (*c == '\'')
            buffer_put_text(out, "'\\''");
        else
            buffer_put(out, c, 1);
    }
    buffer_put_text(out, "'");
}

static void put_options(const struct option *options, struct buffer *out)
{
    for (; options != NULL && options->name != NULL; options++)
        put_described("--", options->name, options->help, out);
}

static void put_choices(const struct option *option, struct buffer *out)
{
    if (strchr(option->value, '|') == NULL)
        return;
    buffer_format(out, "    --%s) choices=(", option->name);
    completion_put_choices(option, " ", out);
    buffer_put_text(out, ") ;;\n");
}

static void put_command_options(struct buffer *out)
{
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].options == NULL || commands[i].options->name == NULL)
            continue;
        buffer_put_text(out, "      \"");
        completion_put_name(&commands[i], out);
        buffer_put_text(out, " \"*) choices+=(");
        put_options(commands[i].options, out);
        buffer_put_text(out, ") ;;\n");
    }
}

/* The commands of a group; NULL: the groups, and the commands without one. */
static void put_words(const struct command_group *group, struct buffer *out)
{
    buffer_format(out, "    \"%s\") choices=(", group == NULL ? "" : group->name);
    for (size_t i = 0; group == NULL && i < command_group_count; i++)
        put_described("", command_groups[i].name, command_groups[i].summary, out);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        bool is_here =
            group == NULL ? command->group == NULL : command->group != NULL && strcmp(command->group, group->name) == 0;
        if (is_here)
            put_described("", command->name, command->summary, out);
    }
    buffer_put_text(out, ") ;;\n");
}

void completion_put_zsh(struct buffer *out)
{
    buffer_put_text(out, "#compdef tellercast\n"
                         "compdef _tellercast tellercast\n"
                         "_tellercast() {\n"
                         "  local word is_value= given='' previous=${words[CURRENT-1]}\n"
                         "  local -a choices\n"
                         "  for word in ${words[2,CURRENT-1]}; do\n"
                         "    if [[ -n $is_value ]]; then\n"
                         "      is_value=\n"
                         "      continue\n"
                         "    fi\n"
                         "    case $word in\n"
                         "      ");
    completion_each_value(completion_put_pattern, out);
    buffer_put_text(out, "-o) is_value=yes ;;\n"
                         "      -*) ;;\n"
                         "      *) given=\"${given:+$given }$word\" ;;\n"
                         "    esac\n"
                         "  done\n"
                         "  case $previous in\n");
    completion_each_value(put_choices, out);
    buffer_put_text(out, "  esac\n"
                         "  if (( ${#choices} )); then\n"
                         "    compadd -a choices\n"
                         "    return\n"
                         "  fi\n"
                         "  if [[ $PREFIX == -* ]]; then\n"
                         "    choices=(");
    put_options(global_options, out);
    buffer_put_text(out, ")\n    case \"$given \" in\n");
    put_command_options(out);
    buffer_put_text(out, "    esac\n"
                         "    _describe -o option choices\n"
                         "    return\n"
                         "  fi\n"
                         "  [[ -z $is_value ]] && case $given in\n");
    put_words(NULL, out);
    for (size_t i = 0; i < command_group_count; i++)
        put_words(&command_groups[i], out);
    buffer_put_text(out, "  esac\n"
                         "  if (( ${#choices} )); then\n"
                         "    _describe command choices\n"
                         "  else\n"
                         "    _files\n"
                         "  fi\n"
                         "}\n"
                         "if [[ $funcstack[1] == _tellercast ]]; then _tellercast; fi\n");
}
