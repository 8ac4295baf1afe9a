#include "clients/ctl/commands/device.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One event. Its texts are borrowed from the document. */
struct step {
    const char *at, *state, *code, *detail;
    int64_t attempt;
};

enum { STEPS_MAX = 256 };

struct steps {
    struct step items[STEPS_MAX];
    size_t count;
};

/* All times are in UTC and have one format, but the fraction is optional, and '.' sorts before 'Z'. */
static int compare_times(const char *a, const char *b)
{
    enum { WHOLE_SECONDS = 19 };
    int order = strncmp(a, b, WHOLE_SECONDS);
    if (order != 0 || strlen(a) <= WHOLE_SECONDS || strlen(b) <= WHOLE_SECONDS)
        return order;
    bool whole_a = a[WHOLE_SECONDS] != '.', whole_b = b[WHOLE_SECONDS] != '.';
    if (whole_a != whole_b)
        return whole_a ? -1 : 1;
    return strcmp(a + WHOLE_SECONDS, b + WHOLE_SECONDS);
}

static int compare_steps(const struct step *first, const struct step *second)
{
    if (first->attempt != second->attempt)
        return first->attempt < second->attempt ? -1 : 1;
    return compare_times(first->at, second->at);
}

/* Inserts a step in order, after earlier ones of the same time: one report can contain several. */
static void add_step(struct steps *steps, const struct step *step)
{
    if (*step->at == '\0' || steps->count == STEPS_MAX)
        return;
    size_t place = steps->count++;
    for (; place > 0 && compare_steps(step, &steps->items[place - 1]) < 0; place--)
        steps->items[place] = steps->items[place - 1];
    steps->items[place] = *step;
}

static bool has_step(const struct steps *steps, const char *state, int64_t attempt)
{
    for (size_t i = 0; i < steps->count; i++) {
        if (strcmp(steps->items[i].state, state) == 0 && steps->items[i].attempt == attempt)
            return true;
    }
    return false;
}

/* Adds the times of one attempt, from its event or from the row of the instruction. */
static void add_times(struct steps *steps, const json_t *source, int64_t attempt)
{
    static const struct {
        const char *key, *state;
    } times[] = {{"dispatched_at", "dispatched"},
                 {"sent_at", "sent"},
                 {"received_at", "received"},
                 {"installing_at", "installing"}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        add_step(steps, &(struct step){document_text(source, times[i].key), times[i].state, "", "", attempt});
}

/* Each event has the times of its attempt. The row has those of the attempt that was dispatched last, until the next
 * one is dispatched: while its state is `created`, its attempt has none yet. */
static void gather_steps(const json_t *instruction, struct steps *steps)
{
    int64_t attempt = document_number(instruction, "attempt");
    const char *state = document_text(instruction, "state");
    size_t i;
    const json_t *event;
    steps->count = 0;
    json_array_foreach(json_object_get(instruction, "events"), i, event)
    {
        int64_t of = document_number(event, "attempt");
        add_times(steps, event, of);
        add_step(steps, &(struct step){document_text(event, "at"), document_text(event, "state"),
                                       document_text(event, "code"), document_text(event, "detail"), of});
    }
    if (strcmp(state, "created") != 0 && !has_step(steps, "dispatched", attempt))
        add_times(steps, instruction, attempt);
    if (!has_step(steps, state, attempt))
        add_step(steps,
                 &(struct step){document_text(instruction, "ended_at"), state, document_text(instruction, "code"),
                                document_text(instruction, "detail"), attempt});
}

static void add_instant(struct table *table, const char *at)
{
    struct buffer text = {0};
    text_put_instant(&text, at);
    table_add(table, TONE_PLAIN, buffer_text(&text));
    buffer_free(&text);
}

static void put_trace(const struct session *session, const json_t *instruction, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"AT", false, 24, 0},  {"ATTEMPT", true, 0, 0}, {"STATE", false, 10, 0},
        {"CODE", false, 0, 0}, {"DETAIL", false, 0, 0},
    };
    struct buffer heading = {0};
    buffer_format(&heading, "rollout %" PRId64 " %s, instruction %" PRId64 ": %s, %s",
                  document_number(instruction, "rollout"), document_text(instruction, "name"),
                  document_number(instruction, "instruction"), document_text(instruction, "state"),
                  document_text(instruction, "substate"));
    session_put_heading(session, buffer_text(&heading), out);
    buffer_free(&heading);

    struct steps steps;
    gather_steps(instruction, &steps);
    if (steps.count == 0) {
        buffer_put_text(out, "planned for ");
        const char *planned = document_text(instruction, "planned_at");
        text_put_time(out, *planned == '\0' ? "no window of the plan" : planned);
        buffer_put_text(out, "\n");
        return;
    }
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < steps.count; i++) {
        add_instant(&table, steps.items[i].at);
        table_add_id(&table, TONE_PLAIN, steps.items[i].attempt);
        table_add(&table, instruction_state_tone(steps.items[i].state), steps.items[i].state);
        table_add(&table, TONE_PLAIN, steps.items[i].code);
        table_add(&table, TONE_PLAIN, steps.items[i].detail);
    }
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

int run_device_trace(struct session *session)
{
    int code;
    json_t *device = device_get(session, &code);
    if (device == NULL)
        return code;
    const json_t *instructions = json_object_get(device, "instructions");
    if (session->json) {
        session_put_json(session, instructions);
    } else {
        struct buffer out = {0};
        for (size_t i = json_array_size(instructions); i > 0; i--) {
            put_trace(session, json_array_get(instructions, i - 1), &out);
            if (i > 1)
                buffer_put_text(&out, "\n");
        }
        session_put(&out);
        buffer_free(&out);
        if (json_array_size(instructions) == 0)
            session_say(session, "%s: no instructions yet", session_argument(session, 0));
    }
    json_decref(device);
    return EXIT_HEALTHY;
}
