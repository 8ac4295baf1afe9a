#include "clients/ctl/commands/rollout.h"

#include "base/clock.h"
#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLL_ON_TERMINAL_MS = 500,
    POLL_ELSEWHERE_MS = 1000,
    LINE_PERIOD_MS = 5000,        /* between lines without a terminal, while the state stays the same */
    UNREACHABLE_LIMIT_MS = 60000, /* for a script, longer than a restart of the daemon takes; a person stops by hand */
};

/* A watched rollout. */
struct watched {
    json_t *document; /* the latest */
    int64_t shown_at_ms, shown_ended;
    char shown_state[STATE_NAME_SIZE];
    uint32_t shown_stage;
};

struct watch {
    struct session *session;
    const int64_t *ids;
    struct rollout_view *views;
    struct watched *watched;
    size_t count;
    enum watch_display display;
    bool to_the_end; /* continue while a rollout waits for a person */
    struct screen screen;
    FILE *file;
    unsigned drawn_lines;
    int64_t unreachable_since_ms; /* 0: reachable */
};

/* ---- showing -------------------------------------------------------------------------------- */

/* Cuts every frame but the last to the height of the terminal: lines that scrolled out cannot be redrawn. */
static void put_frame_lines(struct watch *watch, const struct buffer *frame, bool last, struct buffer *out)
{
    unsigned most = watch->screen.height > 1 && !last ? watch->screen.height - 1 : UINT32_MAX;
    const char *line = buffer_text(frame);
    unsigned lines = 0;
    for (; *line != '\0' && lines < most; lines++) {
        size_t length = strcspn(line, "\n");
        buffer_put(out, line, length);
        buffer_put_text(out, "\033[K\n");
        line += length + (line[length] == '\n');
    }
    watch->drawn_lines = lines;
}

static void draw(struct watch *watch, bool last)
{
    struct buffer frame = {0};
    struct buffer out = {0};
    watch->screen = screen_detect(watch->file);
    rollout_views_draw(watch->views, watch->count, rollout_state_tone, &watch->screen, &frame);
    if (watch->unreachable_since_ms != 0)
        buffer_format(&frame, "(no answer from the server for %" PRId64 " s; retrying)\n",
                      (clock_monotonic_ms() - watch->unreachable_since_ms) / 1000);
    if (watch->drawn_lines > 0)
        buffer_format(&out, "\033[%uA", watch->drawn_lines);
    /* Hides the cursor and disables line wrapping. */
    buffer_put_text(&out, "\033[?25l\033[?7l\r");
    put_frame_lines(watch, &frame, last, &out);
    buffer_put_text(&out, "\033[J\033[?7h\033[?25h");
    (void)fwrite(buffer_text(&out), 1, out.length, watch->file);
    (void)fflush(watch->file);
    buffer_free(&frame);
    buffer_free(&out);
}

/* Returns whether a line is due: a new state at once, new counts every few seconds. */
static bool is_line_due(const struct watched *watched, const struct rollout_view *view, int64_t now_ms)
{
    if (strcmp(watched->shown_state, view->state) != 0 || watched->shown_stage != view->stage)
        return true;
    int64_t ended = rollout_share_ended(&view->all.share);
    return ended != watched->shown_ended && now_ms - watched->shown_at_ms >= LINE_PERIOD_MS;
}

static void print_line(const struct watch *watch, size_t i)
{
    struct watched *watched = &watch->watched[i];
    const struct rollout_view *view = &watch->views[i];
    int64_t now_ms = clock_monotonic_ms();
    if (watched->document == NULL || !is_line_due(watched, view, now_ms))
        return;
    if (watch->session->json && watch->display == WATCH_ON_STDOUT) {
        json_object_del(watched->document, "plan");
        (void)json_dumpf(watched->document, watch->file, JSON_COMPACT);
        (void)fputc('\n', watch->file);
    } else {
        struct buffer line = {0};
        rollout_view_describe(view, &line);
        (void)fprintf(watch->file, "%s\n", buffer_text(&line));
        buffer_free(&line);
    }
    (void)fflush(watch->file);
    watched->shown_at_ms = now_ms;
    watched->shown_ended = rollout_share_ended(&view->all.share);
    watched->shown_stage = view->stage;
    memcpy(watched->shown_state, view->state, sizeof watched->shown_state);
}

static bool draws(const struct watch *watch)
{
    bool json = watch->session->json && watch->display == WATCH_ON_STDOUT;
    return watch->display != WATCH_SILENT && watch->screen.terminal && !json;
}

static void show(struct watch *watch, bool last)
{
    if (draws(watch))
        draw(watch, last);
    else if (watch->display != WATCH_SILENT)
        for (size_t i = 0; i < watch->count; i++)
            print_line(watch, i);
}

/* ---- polling -------------------------------------------------------------------------------- */

/* Tolerates a server that is unreachable for a while. */
static int tolerate_outage(struct watch *watch, const struct tc_fault *fault)
{
    int64_t now_ms = clock_monotonic_ms();
    if (watch->unreachable_since_ms == 0) {
        watch->unreachable_since_ms = now_ms;
        if (!draws(watch))
            session_say(watch->session, "%s; retrying", fault->text);
    }
    if (watch->to_the_end || now_ms - watch->unreachable_since_ms < UNREACHABLE_LIMIT_MS)
        return EXIT_HEALTHY;
    (void)session_fail_fault(watch->session, fault);
    return EXIT_UNREACHABLE;
}

static int accept_answer(struct watch *watch, size_t i, const struct http_answer *answer)
{
    if (!rollout_view_read(&watch->views[i], answer->document, clock_monotonic_ms()))
        return session_fail(watch->session, EXIT_ERROR, "rollout %" PRId64 ": invalid answer", watch->ids[i]);
    if (watch->unreachable_since_ms != 0 && !draws(watch))
        session_say(watch->session, "the server answers again");
    watch->unreachable_since_ms = 0;
    json_decref(watch->watched[i].document);
    watch->watched[i].document = json_incref(answer->document);
    return EXIT_HEALTHY;
}

/* Fails at once when the rollout was never read. */
static int poll_rollout(struct watch *watch, size_t i)
{
    char path[64], subject[64];
    int code = EXIT_HEALTHY;
    struct tc_fault fault;
    struct http_answer answer;
    struct http *http = session_http(watch->session, &code);
    if (http == NULL)
        return code;
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64, watch->ids[i]);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, watch->ids[i]);
    bool seen = watch->watched[i].document != NULL;
    if (http_get(http, path, &answer, &fault) != TC_OK)
        return seen ? tolerate_outage(watch, &fault) : session_fail_fault(watch->session, &fault);
    if (http_answer_is_good(&answer)) {
        code = accept_answer(watch, i, &answer);
    } else if (answer.status >= 500 && seen) {
        (void)tc_fault_set(&fault, TC_UNAVAILABLE, "the server answered with status %d", answer.status);
        code = tolerate_outage(watch, &fault);
    } else {
        code = session_report_problem(watch->session, subject, answer.status, answer.document);
    }
    http_answer_free(&answer);
    return code;
}

static enum rollout_phase phase_of(const struct rollout_view *view)
{
    return view->waits ? ROLLOUT_HELD : rollout_phase_of(view->state);
}

static bool is_settled(const struct watch *watch, const struct rollout_view *view)
{
    enum rollout_phase phase = phase_of(view);
    return *view->state != '\0' && phase != ROLLOUT_MOVING && (phase != ROLLOUT_HELD || !watch->to_the_end);
}

static int poll_all(struct watch *watch, bool *settled)
{
    *settled = true;
    for (size_t i = 0; i < watch->count; i++) {
        int code = poll_rollout(watch, i);
        if (code != EXIT_HEALTHY)
            return code;
        *settled = *settled && is_settled(watch, &watch->views[i]);
    }
    return EXIT_HEALTHY;
}

static int worst_end(const struct watch *watch)
{
    int worst = EXIT_HEALTHY;
    for (size_t i = 0; i < watch->count; i++) {
        int code = (int)exit_code_of_phase(phase_of(&watch->views[i]));
        worst = code > worst ? code : worst;
    }
    return worst;
}

static int follow(struct watch *watch, int64_t timeout_ms)
{
    int64_t period_ms = draws(watch) ? POLL_ON_TERMINAL_MS : POLL_ELSEWHERE_MS;
    int64_t start_ms = clock_monotonic_ms();
    for (;;) {
        bool settled;
        int code = poll_all(watch, &settled);
        if (code != EXIT_HEALTHY)
            return code;
        show(watch, settled);
        if (settled)
            return worst_end(watch);
        int64_t left_ms = timeout_ms < 0 ? period_ms : start_ms + timeout_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return session_fail(watch->session, EXIT_TIMED_OUT, "timed out; the rollout continues");
        clock_sleep_ms(left_ms < period_ms ? left_ms : period_ms);
    }
}

int watch_rollouts(struct session *session, const int64_t *ids, size_t count, enum watch_display display,
                   bool to_the_end, int64_t timeout_ms)
{
    if (display == WATCH_ON_STDERR && session->quiet)
        display = WATCH_SILENT;
    struct watch watch = {
        .session = session,
        .ids = ids,
        .views = calloc(count, sizeof *watch.views),
        .watched = calloc(count, sizeof *watch.watched),
        .count = count,
        .display = display,
        .to_the_end = to_the_end,
        .screen = display == WATCH_ON_STDERR ? session->err : session->out,
        .file = display == WATCH_ON_STDERR ? stderr : stdout,
    };
    TC_CHECK(watch.views != NULL && watch.watched != NULL);
    int code = follow(&watch, timeout_ms);
    for (size_t i = 0; i < count; i++) {
        json_decref(watch.watched[i].document);
        rollout_view_free(&watch.views[i]);
    }
    free(watch.views);
    free(watch.watched);
    return code;
}
