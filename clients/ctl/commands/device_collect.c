/* Orders a device to give one of its files, and waits for it. */
#include "base/clock.h"
#include "clients/ctl/commands/device.h"
#include "clients/ctl/commands/output.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* A file that was collected is sent at once; a device that cannot send it tries again, but here that is the end. */
enum { LOOK_PERIOD_MS = 500, FILE_AFTER_END_MS = 30000 };

struct waiting {
    const char *device;
    int64_t rollout, log; /* log 0: it is not there yet */
    bool is_over;         /* the instruction has ended */
    char problem[512];    /* why no file comes; "": it may come */
    enum exit_code code;  /* of that */
};

static json_t *order(struct session *session, int *code)
{
    const char *reason = session_reason(session, code);
    if (reason == NULL)
        return NULL;
    struct buffer path = {0}, subject = {0};
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_put_text(&path, "/collect");
    buffer_put_text(&subject, "device ");
    (void)text_put_clean(&subject, session_argument(session, 0), 0, session->err.utf8);
    json_t *body = json_pack("{s:s, s:s}", "file", session_option(session, "name"), "reason", reason), *answer = NULL;
    if (body == NULL)
        *code = session_fail(session, EXIT_USAGE, "--name and --reason must be UTF-8");
    else
        answer = session_post(session, buffer_text(&path), body, buffer_text(&subject), code);
    buffer_free(&subject);
    buffer_free(&path);
    return answer;
}

/* ---- what the rollout and the device say ---- */

static bool take_log(void *context, const json_t *log)
{
    struct waiting *waiting = context;
    if (document_number(log, "rollout") == waiting->rollout)
        waiting->log = document_number(log, "log");
    return waiting->log == 0;
}

static int look_for_log(struct session *session, struct waiting *waiting)
{
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/devices/");
    http_put_escaped(&path, waiting->device);
    buffer_put_text(&path, "/logs");
    int code = session_walk(session, buffer_text(&path), "logs", take_log, waiting);
    buffer_free(&path);
    return code;
}

static bool take_instruction(void *context, const json_t *instruction)
{
    struct waiting *waiting = context;
    const char *state = document_text(instruction, "state"), *detail = document_text(instruction, "detail");
    waiting->is_over = json_is_string(json_object_get(instruction, "ended_at")) &&
                       strcmp(document_text(instruction, "substate"), "undecided") != 0;
    if (waiting->is_over && strcmp(state, "completed") != 0 && waiting->problem[0] == '\0') {
        (void)snprintf(waiting->problem, sizeof waiting->problem, "device %.64s: %s%s%.64s%s%.256s", waiting->device,
                       state, *document_text(instruction, "code") == '\0' ? "" : ", ",
                       document_text(instruction, "code"), *detail == '\0' ? "" : ": ", detail);
        waiting->code = EXIT_ERROR;
    }
    return false;
}

static int look_at_rollout(struct session *session, struct waiting *waiting)
{
    int code;
    struct buffer path = {0};
    json_t *rollout = rollout_get(session, waiting->rollout, &code);
    if (rollout == NULL)
        return code;
    const char *state = document_text(rollout, "state");
    enum rollout_phase phase = rollout_phase_of(state);
    if (phase == ROLLOUT_HELD) {
        waiting->code = EXIT_PAUSED;
        (void)snprintf(waiting->problem, sizeof waiting->problem, "rollout %" PRId64 " waits for a person: %.32s",
                       waiting->rollout, state);
    } else if (strcmp(state, "rejected") == 0) {
        waiting->code = EXIT_ERROR;
        (void)snprintf(waiting->problem, sizeof waiting->problem, "rejected: %.256s", document_text(rollout, "detail"));
    }
    json_decref(rollout);
    buffer_format(&path, "/v1/rollouts/%" PRId64 "/instructions", waiting->rollout);
    if (waiting->problem[0] == '\0')
        code = session_walk(session, buffer_text(&path), "instructions", take_instruction, waiting);
    buffer_free(&path);
    return code;
}

/* ---- waiting ---- */

/* Returns when the file is there, or will not come, or the time is over. A device that failed sends a log, too: that of
 * its failure. */
static int wait_for_log(struct session *session, struct waiting *waiting, int64_t timeout_ms)
{
    int64_t began_ms = clock_monotonic_ms(), over_ms = 0;
    for (;;) {
        bool was_over = waiting->is_over;
        int code = look_at_rollout(session, waiting);
        if (code == EXIT_HEALTHY) /* after the rollout, so that a log which came before its end is found */
            code = look_for_log(session, waiting);
        if (code != EXIT_HEALTHY)
            return code;
        int64_t now_ms = clock_monotonic_ms();
        if (waiting->is_over && !was_over)
            over_ms = now_ms;
        if (waiting->problem[0] != '\0')
            return session_fail(session, (int)waiting->code, "%s", waiting->problem);
        if (waiting->is_over && waiting->log != 0)
            return EXIT_HEALTHY;
        if (waiting->is_over && now_ms - over_ms > FILE_AFTER_END_MS)
            return session_fail(session, EXIT_ERROR,
                                "device %s completed it and sent no file: its executable printed nothing, its agent is "
                                "of an earlier version, or it may send no logs (logs.url, logs.upload)",
                                waiting->device);
        if (timeout_ms >= 0 && now_ms - began_ms > timeout_ms)
            return session_fail(session, EXIT_TIMED_OUT, "no file yet; rollout %" PRId64 " goes on: tellercast why %s",
                                waiting->rollout, waiting->device);
        clock_sleep_ms(LOOK_PERIOD_MS);
    }
}

static int show_file(struct session *session, const struct waiting *waiting)
{
    int code;
    struct output output;
    struct buffer path = {0}, text = {0};
    const char *file = session_option(session, "output");
    buffer_format(&path, "/v1/logs/%" PRId64, waiting->log);
    json_t *log = session_get(session, buffer_text(&path), "the file", &code);
    buffer_free(&path);
    if (log != NULL && session->json) {
        session_put_json(session, log);
    } else if (log != NULL && file == NULL) {
        device_put_log(session, document_text(log, "content"), &text);
        session_put(&text);
    } else if (log != NULL && output_open(session, file, &output, &code)) {
        buffer_put_text(&text, document_text(log, "content"));
        output_put(&output, &text);
        code = output_close(session, &output, EXIT_HEALTHY);
    }
    buffer_free(&text);
    json_decref(log);
    return code;
}

int run_device_collect(struct session *session)
{
    int64_t timeout_ms;
    int code;
    bool must_wait = session_has(session, "wait") || session_has(session, "output");
    if (!rollout_timeout(session, &timeout_ms, &code))
        return code;
    json_t *answer = order(session, &code);
    if (answer == NULL)
        return code;
    struct waiting waiting = {.device = session_argument(session, 0), .rollout = document_number(answer, "rollout")};
    if (!must_wait && session->json)
        session_put_json(session, answer);
    else
        session_say(session, "ordered as rollout %" PRId64 "; the file will be among tellercast device logs %s",
                    waiting.rollout, waiting.device);
    json_decref(answer);
    if (must_wait)
        code = wait_for_log(session, &waiting, timeout_ms);
    return must_wait && code == EXIT_HEALTHY ? show_file(session, &waiting) : code;
}
