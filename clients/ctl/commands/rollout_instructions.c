#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"

#include <inttypes.h>
#include <string.h>

static void add_instruction(struct table *table, const json_t *instruction)
{
    const char *state = document_text(instruction, "state");
    struct buffer shown = {0};
    const json_t *progress = json_object_get(instruction, "progress");
    buffer_put_text(&shown, state);
    if (json_is_integer(progress) && strcmp(state, "installing") == 0)
        buffer_format(&shown, " %d%%", (int)json_integer_value(progress));
    table_add_id(table, TONE_PLAIN, document_number(instruction, "instruction"));
    table_add(table, TONE_STRONG, document_text(instruction, "device"));
    table_add(table, TONE_PLAIN, document_text(instruction, "branch"));
    table_add(table, TONE_PLAIN, document_text(instruction, "group"));
    table_add(table, instruction_state_tone(state), buffer_text(&shown));
    table_add(table, TONE_PLAIN, document_text(instruction, "substate"));
    table_add_id(table, TONE_PLAIN, document_number(instruction, "attempt"));
    table_add_time(table, document_text(instruction, "planned_at"));
    table_add_time(table, document_text(instruction, "ended_at"));
    table_add(table, TONE_PLAIN, document_text(instruction, "code"));
    table_add(table, TONE_PLAIN, document_text(instruction, "detail"));
    buffer_free(&shown);
}

static void put_parameter(struct buffer *path, const struct session *session, const char *name)
{
    const char *value = session_option(session, name);
    if (value == NULL)
        return;
    buffer_format(path, "%c%s=", strchr(buffer_text(path), '?') == NULL ? '?' : '&', name);
    http_put_escaped(path, value);
}

int run_rollout_instructions(struct session *session)
{
    static const struct table_column columns[] = {
        {"INSTRUCTION", true, 0, 0}, {"DEVICE", false, 10, 0},   {"BRANCH", false, 8, 3}, {"GROUP", false, 8, 1},
        {"STATE", false, 15, 0},     {"SUBSTATE", false, 11, 6}, {"ATTEMPT", true, 0, 2}, {"PLANNED", false, 20, 5},
        {"ENDED", false, 20, 4},     {"CODE", false, 0, 1},      {"DETAIL", false, 0, 0},
    };
    int64_t id, limit;
    int code;
    if (!session_limit(session, &limit, &code) || !rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    struct buffer path = {0};
    buffer_format(&path, "/v1/rollouts/%" PRId64 "/instructions", id);
    put_parameter(&path, session, "state");
    put_parameter(&path, session, "group");
    const struct listing listing = {buffer_text(&path), "instructions", columns, sizeof columns / sizeof *columns,
                                    add_instruction,    false,          limit,   "no matching instructions"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}
