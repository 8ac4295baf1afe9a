#include "clients/ctl/commands/completion.h"

#include <string.h>

void completion_put_name(const struct command *command, struct buffer *out)
{
    if (command->group != NULL)
        buffer_format(out, "%s ", command->group);
    buffer_put_text(out, command->name);
}

/* Whether a global option or an earlier command has an option with a value of that name. */
static bool is_earlier(size_t command, const char *name)
{
    for (size_t i = 0; i <= command; i++) {
        const struct option *o = i == 0 ? global_options : commands[i - 1].options;
        for (; o != NULL && o->name != NULL; o++) {
            if (o->value != NULL && strcmp(o->name, name) == 0)
                return true;
        }
    }
    return false;
}

void completion_each_value(void (*put)(const struct option *option, struct buffer *out), struct buffer *out)
{
    for (const struct option *o = global_options; o->name != NULL; o++) {
        if (o->value != NULL)
            put(o, out);
    }
    for (size_t i = 0; i < command_count; i++) {
        for (const struct option *o = commands[i].options; o != NULL && o->name != NULL; o++) {
            if (o->value != NULL && !is_earlier(i, o->name))
                put(o, out);
        }
    }
}

void completion_put_pattern(const struct option *option, struct buffer *out)
{
    buffer_format(out, "--%s|", option->name);
}

void completion_put_choices(const struct option *option, const char *between, struct buffer *out)
{
    if (strchr(option->value, '|') == NULL)
        return;
    for (const char *c = option->value; *c != '\0'; c++) {
        if (*c == '|')
            buffer_put_text(out, between);
        else
            buffer_put(out, c, 1);
    }
}

/* ---- bash ---- */

static void put_option_words(const struct option *options, struct buffer *out)
{
    for (; options != NULL && options->name != NULL; options++)
        buffer_format(out, " --%s", options->name);
}

static void put_choices(const struct option *option, struct buffer *out)
{
    if (strchr(option->value, '|') == NULL)
        return;
    buffer_format(out, "    --%s) words=\"", option->name);
    completion_put_choices(option, " ", out);
    buffer_put_text(out, "\" ;;\n");
}

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
        buffer_put_text(out, "    \"");
        completion_put_name(&commands[i], out);
        buffer_format(out, "\"%s) words=\"$words", commands[i].group == NULL ? "*" : "");
        put_option_words(commands[i].options, out);
        buffer_put_text(out, "\" ;;\n");
    }
}

static void put_first_words(struct buffer *out)
{
    for (size_t i = 0; i < command_group_count; i++)
        buffer_format(out, "%s ", command_groups[i].name);
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].group == NULL)
            buffer_format(out, "%s ", commands[i].name);
    }
}

void completion_put_bash(struct buffer *out)
{
    buffer_put_text(out, "# bash completion of tellercast\n"
                         "_tellercast() {\n"
                         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                         "  local words=\"\" given=\"\" word is_value=\n"
                         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                         "    if [[ -n $is_value ]]; then\n"
                         "      is_value=\n"
                         "      continue\n"
                         "    fi\n"
                         "    case \"$word\" in\n"
                         "      ");
    completion_each_value(completion_put_pattern, out);
    buffer_put_text(out, "-o) is_value=yes ;;\n"
                         "      -*) ;;\n"
                         "      *) given=\"${given:+$given }$word\" ;;\n"
                         "    esac\n"
                         "  done\n"
                         "  case \"$previous\" in\n");
    completion_each_value(put_choices, out);
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
                         "  if [[ -z $is_value ]]; then\n"
                         "    case \"$given\" in\n"
                         "    \"\") words=\"");
    put_first_words(out);
    buffer_put_text(out, "\" ;;\n");
    put_groups(out);
    buffer_put_text(out, "    esac\n"
                         "  fi\n"
                         "  if [[ -n $words ]]; then\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                         "  else\n"
                         "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
                         "  fi\n"
                         "}\n"
                         "complete -o filenames -F _tellercast tellercast\n");
}
