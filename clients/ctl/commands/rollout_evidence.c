#include "clients/ctl/commands/output.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/page/evidence_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_BYTES = 1 << 16, TABLE_ROWS = 1000 };

/* The form of the evidence: its text before the devices, for each device, and after them. */
struct rollout_evidence;

struct form {
    void (*begin)(const struct session *session, const json_t *evidence, struct buffer *out);
    void (*add)(struct rollout_evidence *evidence, const json_t *instruction);
    void (*end)(struct rollout_evidence *evidence);
};

struct rollout_evidence {
    const struct session *session;
    const struct form *form;
    struct output output;
    struct buffer text;
    struct table table; /* of the text form */
    int64_t devices;
};

/* ---- as JSON -------------------------------------------------------------------------------- */

/* The daemon's document with the devices as an additional key. */
static void begin_json(const struct session *session, const json_t *evidence, struct buffer *out)
{
    (void)session;
    char *text = json_dumps(evidence, JSON_COMPACT);
    TC_CHECK(text != NULL);
    size_t length = strlen(text);
    buffer_put(out, text, length - 1);
    buffer_format(out, "%s\"instructions\":[", length > strlen("{}") ? "," : "");
    free(text);
}

static void add_json(struct rollout_evidence *evidence, const json_t *instruction)
{
    char *text = json_dumps(instruction, JSON_COMPACT);
    TC_CHECK(text != NULL);
    buffer_format(&evidence->text, "%s%s", evidence->devices == 0 ? "\n" : ",\n", text);
    free(text);
}

static void end_json(struct rollout_evidence *evidence)
{
    buffer_put_text(&evidence->text, "]}\n");
}

/* ---- as a page ------------------------------------------------------------------------------ */

static void begin_page(const struct session *session, const json_t *evidence, struct buffer *out)
{
    (void)session;
    evidence_page_begin(evidence, out);
}

static void add_page(struct rollout_evidence *evidence, const json_t *instruction)
{
    evidence_page_add_device(instruction, &evidence->text);
}

static void end_page(struct rollout_evidence *evidence)
{
    evidence_page_end(&evidence->text);
}

/* ---- as text -------------------------------------------------------------------------------- */

static void put_devices(struct rollout_evidence *evidence)
{
    if (evidence->table.cell_count == 0)
        return;
    bool first = evidence->devices <= TABLE_ROWS;
    buffer_put_text(&evidence->text, first ? "\n" : "");
    table_put(&evidence->table, &evidence->session->out, first, &evidence->text);
    table_free(&evidence->table);
}

static void add_text(struct rollout_evidence *evidence, const json_t *instruction)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 10, 0},     {"BRANCH", false, 8, 6},   {"GROUP", false, 8, 3}, {"STATE", false, 10, 0},
        {"ATTEMPT", true, 0, 4},      {"PLANNED", false, 20, 7}, {"SENT", false, 20, 8}, {"RECEIVED", false, 20, 9},
        {"INSTALLING", false, 20, 5}, {"ENDED", false, 20, 2},   {"CODE", false, 0, 1},
    };
    static const char *const times[] = {"planned_at", "sent_at", "received_at", "installing_at", "ended_at"};
    if (evidence->table.column_count == 0)
        evidence->table = table_start(columns, sizeof columns / sizeof *columns);
    const char *state = document_text(instruction, "state");
    table_add(&evidence->table, TONE_STRONG, document_text(instruction, "device"));
    table_add(&evidence->table, TONE_PLAIN, document_text(instruction, "branch"));
    table_add(&evidence->table, TONE_PLAIN, document_text(instruction, "group"));
    table_add(&evidence->table, instruction_state_tone(state), state);
    table_add_id(&evidence->table, TONE_PLAIN, document_number(instruction, "attempt"));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        table_add_time(&evidence->table, document_text(instruction, times[i]));
    table_add(&evidence->table, TONE_PLAIN, document_text(instruction, "code"));
    if ((evidence->devices + 1) % TABLE_ROWS == 0) {
        evidence->devices++;
        put_devices(evidence);
        evidence->devices--;
    }
}

static void end_text(struct rollout_evidence *evidence)
{
    put_devices(evidence);
}

/* ---- reading and writing -------------------------------------------------------------------- */

static bool take_instruction(void *context, const json_t *instruction)
{
    struct rollout_evidence *evidence = context;
    evidence->form->add(evidence, instruction);
    evidence->devices++;
    if (evidence->text.length >= FLUSH_BYTES)
        output_put(&evidence->output, &evidence->text);
    return true;
}

static int write_evidence(struct session *session, int64_t id, const json_t *document, const struct form *form)
{
    int code;
    char path[64];
    struct buffer devices = {0};
    struct rollout_evidence evidence = {.session = session, .form = form};
    const char *file = session_option(session, "output");
    if (!output_open(session, file, &evidence.output, &code))
        return code;
    form->begin(session, document, &evidence.text);
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/instructions", id);
    code = session_walk(session, path, "instructions", take_instruction, &evidence);
    if (code == EXIT_HEALTHY) {
        form->end(&evidence);
        output_put(&evidence.output, &evidence.text);
    }
    code = output_close(session, &evidence.output, code);
    if (code == EXIT_HEALTHY && file != NULL) {
        document_put_counted(&devices, evidence.devices, "device", "devices");
        session_say(session, "report written to %s: %s", file, buffer_text(&devices));
    }
    table_free(&evidence.table);
    buffer_free(&evidence.text);
    buffer_free(&devices);
    return code;
}

int run_rollout_report(struct session *session)
{
    static const struct form json = {begin_json, add_json, end_json};
    static const struct form page = {begin_page, add_page, end_page};
    static const struct form text = {rollout_evidence_put, add_text, end_text};
    int64_t id;
    int code;
    if (session->json && session_has(session, "html"))
        return session_fail_usage(session, "--json and --html exclude each other");
    if (!rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    json_t *document = rollout_get_part(session, id, "report", &code);
    if (document != NULL)
        code = write_evidence(session, id, document,
                              session->json                  ? &json
                              : session_has(session, "html") ? &page
                                                             : &text);
    json_decref(document);
    return code;
}
