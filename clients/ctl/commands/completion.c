#include "clients/ctl/commands/help.h"

#include <string.h>

static void put_option_words(const struct option *options, struct buffer *out)
{
    for (; options != NULL && options->name != NULL; options++)
        buffer_format(out, " --%s", options->name);
}

/* Returns whether an earlier command has an option of that name. */
static bool is_in_earlier_command(const struct command *command, const char *name)
{
    for (const struct command *c = commands; c < command; c++) {
        for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
            if (strcmp(o->name, name) == 0)
                return true;
        }
    }
    return false;
}

/* Writes the values of options that have a fixed set of values. */
static void put_values(const struct command *command, struct buffer *out)
{
    for (const struct option *option = command->options; option != NULL && option->name != NULL; option++) {
        if (option->value == NULL || strchr(option->value, '|') == NULL || is_in_earlier_command(command, option->name))
            continue;
        buffer_format(out, "    --%s) words=\"", option->name);
        for (const char *c = option->value; *c != '\0'; c++)
            buffer_put(out, *c == '|' ? " " : c, 1);
        buffer_put_text(out, "\" ;;\n");
    }
}

/* Writes the commands of each group. */
static void put_groups(struct buffer *out)
{
    for (size_t i = 0; i < command_group_count; i++) {
        buffer_format(out, "    \"%s\") words=\"", command_groups[i].name);
        for (size_t k = 0; k < command_count; k++) {
            if (commands[k].group != NULL && strcmp(commands[k].group, command_groups[i].name) == 0)
                buffer_format(out, "%s ", commands[k].name);
        }
        buffer_put_text(out, "\" ;;\n");
    }
}

static void put_command_options(struct buffer *out)
{
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].options == NULL || commands[i].options->name == NULL)
            continue;
        bool alone = commands[i].group == NULL;
        buffer_format(out, "    \"%s%s%s\"%s) words=\"$words", alone ? "" : commands[i].group, alone ? "" : " ",
                      commands[i].name, alone ? "*" : "");
        put_option_words(commands[i].options, out);
        buffer_put_text(out, "\" ;;\n");
    }
}

void completion_put_bash(struct buffer *out)
{
    buffer_put_text(out, "# bash completion of tellercast\n"
                         "_tellercast() {\n"
                         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                         "  local words=\"\" given=\"\" word\n"
                         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                         "    [[ $word == -* ]] || given=\"${given:+$given }$word\"\n"
                         "  done\n"
                         "  case \"$previous\" in\n");
    for (size_t i = 0; i < command_count; i++)
        put_values(&commands[i], out);
    buffer_put_text(out, "  esac\n"
                         "  if [[ -n $words ]]; then\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                         "    return\n"
                         "  fi\n"
                         "  if [[ $current == -* ]]; then\n"
                         "    words=\"");
    put_option_words(global_options, out);
    buffer_put_text(out, "\"\n    set -- $given\n    case \"${1-} ${2-}\" in\n");
    put_command_options(out);
    buffer_put_text(out, "    esac\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                         "    return\n"
                         "  fi\n"
                         "  case \"$given\" in\n"
                         "    \"\") words=\"");
    for (size_t i = 0; i < command_group_count; i++)
        buffer_format(out, "%s ", command_groups[i].name);
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].group == NULL)
            buffer_format(out, "%s ", commands[i].name);
    }
    buffer_put_text(out, "\" ;;\n");
    put_groups(out);
    buffer_put_text(out, "  esac\n"
                         "  if [[ -n $words ]]; then\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                         "  else\n"
                         "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
                         "  fi\n"
                         "}\n"
                         "complete -o filenames -F _tellercast tellercast\n");
}
