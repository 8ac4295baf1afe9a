#include "clients/ctl/commands/output.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/page/report_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_BYTES = 1 << 16, TABLE_ROWS = 1000 };

/* How a report is written: what stands before the devices, each of them, what stands behind them. */
struct rollout_report;

struct form {
    void (*begin)(const struct session *session, const json_t *report, struct buffer *out);
    void (*add)(struct rollout_report *report, const json_t *instruction);
    void (*end)(struct rollout_report *report);
};

struct rollout_report {
    const struct session *session;
    const struct form *form;
    struct output output;
    struct buffer text;
    struct table table; /* of the text form */
    int64_t devices;
};

/* ---- as JSON -------------------------------------------------------------------------------- */

/* The daemon's document, and the devices as one more key of it. */
static void begin_json(const struct session *session, const json_t *report, struct buffer *out)
{
    (void)session;
    char *text = json_dumps(report, JSON_COMPACT);
    TC_CHECK(text != NULL);
    size_t length = strlen(text);
    buffer_put(out, text, length - 1);
    buffer_format(out, "%s\"instructions\":[", length > strlen("{}") ? "," : "");
    free(text);
}

static void add_json(struct rollout_report *report, const json_t *instruction)
{
    char *text = json_dumps(instruction, JSON_COMPACT);
    TC_CHECK(text != NULL);
    buffer_format(&report->text, "%s%s", report->devices == 0 ? "\n" : ",\n", text);
    free(text);
}

static void end_json(struct rollout_report *report)
{
    buffer_put_text(&report->text, "]}\n");
}

/* ---- as a page ------------------------------------------------------------------------------ */

static void begin_page(const struct session *session, const json_t *report, struct buffer *out)
{
    (void)session;
    report_page_begin(report, out);
}

static void add_page(struct rollout_report *report, const json_t *instruction)
{
    report_page_add_device(instruction, &report->text);
}

static void end_page(struct rollout_report *report)
{
    report_page_end(&report->text);
}

/* ---- as text -------------------------------------------------------------------------------- */

static void put_devices(struct rollout_report *report)
{
    if (report->table.cell_count == 0)
        return;
    bool first = report->devices <= TABLE_ROWS;
    buffer_put_text(&report->text, first ? "\n" : "");
    table_put(&report->table, &report->session->out, first, &report->text);
    table_free(&report->table);
}

static void add_text(struct rollout_report *report, const json_t *instruction)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 10, 0},     {"BRANCH", false, 8, 6},   {"GROUP", false, 8, 3}, {"STATE", false, 10, 0},
        {"ATTEMPT", true, 0, 4},      {"PLANNED", false, 20, 7}, {"SENT", false, 20, 8}, {"RECEIVED", false, 20, 9},
        {"INSTALLING", false, 20, 5}, {"ENDED", false, 20, 2},   {"CODE", false, 0, 1},
    };
    static const char *const times[] = {"planned_at", "sent_at", "received_at", "installing_at", "ended_at"};
    if (report->table.column_count == 0)
        report->table = table_start(columns, sizeof columns / sizeof *columns);
    const char *state = document_text(instruction, "state");
    table_add(&report->table, TONE_STRONG, document_text(instruction, "device"));
    table_add(&report->table, TONE_PLAIN, document_text(instruction, "branch"));
    table_add(&report->table, TONE_PLAIN, document_text(instruction, "group"));
    table_add(&report->table, instruction_state_tone(state), state);
    table_add_id(&report->table, TONE_PLAIN, document_number(instruction, "attempt"));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        table_add_time(&report->table, document_text(instruction, times[i]));
    table_add(&report->table, TONE_PLAIN, document_text(instruction, "code"));
    if ((report->devices + 1) % TABLE_ROWS == 0) {
        report->devices++;
        put_devices(report);
        report->devices--;
    }
}

static void end_text(struct rollout_report *report)
{
    put_devices(report);
}

/* ---- reading and writing -------------------------------------------------------------------- */

static bool take_instruction(void *context, const json_t *instruction)
{
    struct rollout_report *report = context;
    report->form->add(report, instruction);
    report->devices++;
    if (report->text.length >= FLUSH_BYTES)
        output_put(&report->output, &report->text);
    return true;
}

static int write_report(struct session *session, int64_t id, const json_t *document, const struct form *form)
{
    int code;
    char path[64];
    struct buffer devices = {0};
    struct rollout_report report = {.session = session, .form = form};
    const char *file = session_option(session, "output");
    if (!output_open(session, file, &report.output, &code))
        return code;
    form->begin(session, document, &report.text);
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/instructions", id);
    code = session_walk(session, path, "instructions", take_instruction, &report);
    if (code == EXIT_HEALTHY) {
        form->end(&report);
        output_put(&report.output, &report.text);
    }
    code = output_close(session, &report.output, code);
    if (code == EXIT_HEALTHY && file != NULL) {
        document_put_counted(&devices, report.devices, "device", "devices");
        session_say(session, "the report is in %s: %s", file, buffer_text(&devices));
    }
    table_free(&report.table);
    buffer_free(&report.text);
    buffer_free(&devices);
    return code;
}

int run_rollout_report(struct session *session)
{
    static const struct form json = {begin_json, add_json, end_json};
    static const struct form page = {begin_page, add_page, end_page};
    static const struct form text = {rollout_report_put, add_text, end_text};
    int64_t id;
    int code;
    char path[64];
    char subject[64];
    if (session->json && session_has(session, "html"))
        return session_fail_usage(session, "--json or --html, not both");
    if (!rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/report", id);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, id);
    json_t *document = session_get(session, path, subject, &code);
    if (document != NULL)
        code = write_report(session, id, document,
                            session->json                  ? &json
                            : session_has(session, "html") ? &page
                                                           : &text);
    json_decref(document);
    return code;
}
