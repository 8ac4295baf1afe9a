#include "base/file.h"
#include "clients/ctl/commands/command.h"
#include "clients/ctl/commands/exit_code.h"
#include "clients/ctl/commands/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

struct line {
    struct invocation invocation;
    const struct command_group *group;
    struct buffer wrong;
    char text[256];
    char *words[WORDS_MAX];
};

/* Splits at spaces and parses. */
static enum command_line parse(struct line *line, const char *text)
{
    *line = (struct line){0};
    assert_true(strlen(text) < sizeof line->text);
    memcpy(line->text, text, strlen(text));
    int count = 0;
    char *rest = line->text;
    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        line->words[count++] = word;
    return command_line_parse(count, line->words, &line->invocation, &line->group, &line->wrong);
}

static void line_free(struct line *line)
{
    invocation_free(&line->invocation);
    buffer_free(&line->wrong);
}

static void a_command_gets_its_arguments_and_options_in_any_order(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "tellercast rollout submit plan.yaml --via mqtt --wait --json --server http://bank:8080",
        "tellercast --json --server http://bank:8080 rollout submit --wait --via=mqtt plan.yaml",
        "tellercast rollout --server=http://bank:8080 submit --json --via mqtt --wait -- plan.yaml",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct line line;
        assert_int_equal(parse(&line, lines[i]), COMMAND_LINE_RUN);
        assert_string_equal(line.invocation.command->name, "submit");
        assert_int_equal(line.invocation.argument_count, 1);
        assert_string_equal(line.invocation.arguments[0], "plan.yaml");
        assert_string_equal(invocation_option(&line.invocation, "via"), "mqtt");
        assert_string_equal(invocation_option(&line.invocation, "server"), "http://bank:8080");
        assert_true(invocation_has(&line.invocation, "wait"));
        assert_true(invocation_has(&line.invocation, "json"));
        assert_false(invocation_has(&line.invocation, "quiet"));
        assert_null(invocation_option(&line.invocation, "timeout"));
        line_free(&line);
    }
}

static void an_option_comes_from_the_line_then_the_environment_then_its_default(void **state)
{
    (void)state;
    struct line line;
    (void)unsetenv("TELLERCAST_SERVER");
    assert_int_equal(parse(&line, "tellercast rollout list"), COMMAND_LINE_RUN);
    assert_string_equal(invocation_option(&line.invocation, "server"), "http://127.0.0.1:8080");
    assert_int_equal(setenv("TELLERCAST_SERVER", "http://environment", 1), 0);
    assert_string_equal(invocation_option(&line.invocation, "server"), "http://environment");
    line_free(&line);
    assert_int_equal(parse(&line, "tellercast rollout list --server http://a --server http://b"), COMMAND_LINE_RUN);
    assert_string_equal(invocation_option(&line.invocation, "server"), "http://b");
    line_free(&line);
    (void)unsetenv("TELLERCAST_SERVER");
}

static void a_letter_stands_for_an_option(void **state)
{
    (void)state;
    struct line line;
    assert_int_equal(parse(&line, "tellercast rollout report 42 --html -o page.html"), COMMAND_LINE_RUN);
    assert_string_equal(invocation_option(&line.invocation, "output"), "page.html");
    line_free(&line);
}

static void a_wrong_line_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *wrong;
    } rows[] = {
        {"tellercast", "no command given"},
        {"tellercast rollout", "no command given"},
        {"tellercast rolout list", "unknown command \"rolout\"; did you mean rollout?"},
        {"tellercast rollout lst", "unknown command \"rollout lst\"; did you mean list?"},
        {"tellercast rollout abandon 3", "unknown command \"rollout abandon\""},
        {"tellercast rollout list -o x", "unknown option --output"},
        {"tellercast rollout report 3 -o", "--output needs a value: FILE"},
        {"tellercast rollout list --sever x", "unknown option --sever; did you mean --server?"},
        {"tellercast rollout list --via http", "unknown option --via"},
        {"tellercast rollout list -x", "unknown option -x"},
        {"tellercast rollout list 7", "takes no argument, found \"7\""},
        {"tellercast rollout status", "needs ID|NAME"},
        {"tellercast rollout status 1 2", "takes ID|NAME, found also \"2\""},
        {"tellercast rollout list --server", "--server needs a value: URL"},
        {"tellercast rollout list --json=yes", "--json takes no value"},
        {"tellercast rollout pause 3", "--reason is required"},
        {"tellercast pki issue pki --kind device --out here", "--id is required"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct line line;
        assert_int_equal(parse(&line, rows[i].line), COMMAND_LINE_WRONG);
        assert_string_equal(buffer_text(&line.wrong), rows[i].wrong);
        line_free(&line);
    }
}

static void help_is_there_at_every_level(void **state)
{
    (void)state;
    struct line line;
    assert_int_equal(parse(&line, "tellercast --help"), COMMAND_LINE_HELP);
    assert_null(line.group);
    line_free(&line);
    assert_int_equal(parse(&line, "tellercast rollout -h"), COMMAND_LINE_HELP);
    assert_string_equal(line.group->name, "rollout");
    line_free(&line);
    assert_int_equal(parse(&line, "tellercast rollout submit --help"), COMMAND_LINE_HELP);
    assert_string_equal(line.invocation.command->name, "submit");
    line_free(&line);
}

static void a_command_may_have_a_version_of_its_own(void **state)
{
    (void)state;
    struct line line;
    assert_int_equal(parse(&line, "tellercast --version"), COMMAND_LINE_VERSION);
    line_free(&line);
    assert_int_equal(parse(&line, "tellercast artifact add f --name atm-app --version 4.7.2"), COMMAND_LINE_RUN);
    assert_string_equal(invocation_option(&line.invocation, "version"), "4.7.2");
    line_free(&line);
}

static void every_command_can_be_found_and_explained(void **state)
{
    (void)state;
    const struct screen screen = {.width = 80};
    for (size_t i = 0; i < command_count; i++) {
        assert_ptr_equal(command_find(commands[i].group, commands[i].name), &commands[i]);
        struct buffer out = {0};
        help_put_command(&commands[i], &screen, &out);
        for (const struct option *option = commands[i].options; option != NULL && option->name != NULL; option++)
            assert_non_null(strstr(buffer_text(&out), option->name));
        buffer_free(&out);
    }
    assert_null(command_find("rollout", "stop"));
}

/* Returns how many words stand outside brackets. */
static size_t count_needed(const char *arguments)
{
    size_t count = 0;
    char text[128];
    assert_true(strlen(arguments) < sizeof text);
    memcpy(text, arguments, strlen(arguments) + 1);
    char *rest = text;
    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        count += word[0] != '[' ? 1 : 0;
    return count;
}

/* Parses the command with as many arguments as it needs, and with the options that it needs but one, which may be NULL.
 */
static enum command_line parse_without(struct line *line, const struct command *command, const struct option *left_out)
{
    struct buffer text = {0};
    buffer_format(&text, "tellercast %s %s", command->group == NULL ? "" : command->group, command->name);
    for (size_t i = 0; i < command->least; i++)
        buffer_put_text(&text, " x");
    for (const struct option *o = command->options; o != NULL && o->name != NULL; o++) {
        if (option_is_required(o) && o != left_out)
            buffer_format(&text, " --%s x", o->name);
    }
    enum command_line found = parse(line, buffer_text(&text));
    buffer_free(&text);
    return found;
}

static void check_usage_of_option(const struct command *command, const struct option *option, const char *usage)
{
    char shown[128], wrong[64];
    bool is_required = option_is_required(option), is_flag = option->value == NULL;
    (void)snprintf(shown, sizeof shown, " %s--%s%s%s%s", is_required ? "" : "[", option->name, is_flag ? "" : " ",
                   is_flag ? "" : option->value, is_required ? "" : "]");
    assert_non_null(strstr(usage, shown));
    if (!is_required)
        return;
    struct line line;
    (void)snprintf(wrong, sizeof wrong, "--%s is required", option->name);
    assert_int_equal(parse_without(&line, command, option), COMMAND_LINE_WRONG);
    assert_string_equal(buffer_text(&line.wrong), wrong);
    line_free(&line);
}

static void the_usage_has_in_brackets_what_may_be_left_out_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        struct line line;
        assert_int_equal(count_needed(commands[i].arguments), commands[i].least);
        assert_int_equal(parse_without(&line, &commands[i], NULL), COMMAND_LINE_RUN);
        line_free(&line);
        struct buffer usage = {0};
        help_put_usage(&commands[i], &usage);
        for (const struct option *o = commands[i].options; o != NULL && o->name != NULL; o++)
            check_usage_of_option(&commands[i], o, buffer_text(&usage));
        buffer_free(&usage);
    }
}

static void the_manual_page_is_what_the_table_says(void **state)
{
    (void)state;
    struct buffer page = {0};
    struct buffer table = {0};
    struct tc_fault fault;
    assert_int_equal(file_read("docs/cli.md", 1 << 20, &page, &fault), TC_OK);
    help_put_markdown(&table);
    /* To write it again: tellercast help --markdown > docs/cli.md */
    assert_string_equal(buffer_text(&page), buffer_text(&table));
    buffer_free(&page);
    buffer_free(&table);
}

static void a_rollout_s_end_is_the_exit_code(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        enum exit_code code;
    } rows[] = {
        {"completed", EXIT_HEALTHY}, {"halted", EXIT_ABORTED},     {"cancelled", EXIT_ABORTED},
        {"paused", EXIT_PAUSED},     {"running", EXIT_HEALTHY},    {"accepted", EXIT_HEALTHY},
        {"rejected", EXIT_ABORTED},  {"cancelling", EXIT_HEALTHY}, {"awaiting_approval", EXIT_PAUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(exit_code_of_phase(rollout_phase_of(rows[i].state)), rows[i].code);
    assert_int_equal(rollout_phase_of("running"), ROLLOUT_MOVING);
    assert_int_equal(rollout_phase_of("a state of a newer daemon"), ROLLOUT_MOVING);
    assert_int_equal(rollout_phase_of("completed"), ROLLOUT_HEALTHY);
}

static void an_answer_s_status_is_the_exit_code(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum exit_code code;
    } rows[] = {
        {200, EXIT_HEALTHY},     {201, EXIT_HEALTHY}, {400, EXIT_INVALID}, {401, EXIT_ERROR},
        {404, EXIT_ERROR},       {409, EXIT_ERROR},   {413, EXIT_INVALID}, {422, EXIT_INVALID},
        {503, EXIT_UNREACHABLE}, {500, EXIT_ERROR},   {302, EXIT_ERROR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(exit_code_of_status(rows[i].status), rows[i].code);
    assert_int_equal(exit_code_of_error(TC_UNAVAILABLE), EXIT_UNREACHABLE);
    assert_int_equal(exit_code_of_error(TC_TIMEOUT), EXIT_TIMED_OUT);
    assert_int_equal(exit_code_of_error(TC_DENIED), EXIT_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_gets_its_arguments_and_options_in_any_order),
        cmocka_unit_test(an_option_comes_from_the_line_then_the_environment_then_its_default),
        cmocka_unit_test(a_letter_stands_for_an_option),
        cmocka_unit_test(a_wrong_line_says_what_is_wrong),
        cmocka_unit_test(help_is_there_at_every_level),
        cmocka_unit_test(a_command_may_have_a_version_of_its_own),
        cmocka_unit_test(every_command_can_be_found_and_explained),
        cmocka_unit_test(the_usage_has_in_brackets_what_may_be_left_out_and_nothing_else),
        cmocka_unit_test(the_manual_page_is_what_the_table_says),
        cmocka_unit_test(a_rollout_s_end_is_the_exit_code),
        cmocka_unit_test(an_answer_s_status_is_the_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
