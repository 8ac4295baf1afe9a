#include "clients/ctl/commands/plan.h"

#include "base/clock.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"
#include "topics/topic.h"

struct plan *plan_read(struct session *session, const char *path, struct buffer *content, int *code)
{
    struct document_faults faults = {0};
    struct plan *plan = NULL;
    if (session_read_file(session, path, PLAN_SIZE_MAX, content, code) &&
        plan_parse(buffer_text(content), content->length, &plan, &faults) != TC_OK) {
        plan = NULL;
        *code = session_report_faults(session, path, &faults);
    }
    document_faults_free(&faults);
    return plan;
}

static struct plan *read_plan(struct session *session, const char *path, int *code)
{
    struct buffer content = {0};
    struct plan *plan = plan_read(session, path, &content, code);
    buffer_free(&content);
    return plan;
}

/* Uses this machine's clock; the daemon checks again with its own. */
static bool is_over(const struct session *session, const char *path, const struct plan *plan, int *code)
{
    if (plan_end_ms(plan) > clock_now_ms())
        return false;
    struct document_faults faults = {0};
    plan_fault_add_over(plan, &faults);
    *code = session_report_faults(session, path, &faults);
    document_faults_free(&faults);
    return true;
}

static void say_valid(struct session *session, const char *path, const struct plan *plan)
{
    if (session->json) {
        json_t *document =
            json_pack("{s:s, s:b, s:s, s:s}", "file", path, "valid", 1, "name", plan->name, "digest", plan->digest);
        TC_CHECK(document != NULL);
        session_put_json(session, document);
        json_decref(document);
        return;
    }
    struct buffer line = {0};
    screen_begin_tone(&session->out, TONE_GOOD, &line);
    buffer_put_text(&line, "valid");
    screen_end_tone(&session->out, TONE_GOOD, &line);
    buffer_format(&line, "  %s  %s  %s\n", plan->name, plan->digest, path);
    session_put(&line);
    buffer_free(&line);
}

int run_plan_validate(struct session *session)
{
    int worst = EXIT_HEALTHY;
    for (size_t i = 0; i < session->invocation->argument_count; i++) {
        const char *path = session_argument(session, i);
        int code = EXIT_HEALTHY;
        struct plan *plan = read_plan(session, path, &code);
        if (plan != NULL && !is_over(session, path, plan, &code))
            say_valid(session, path, plan);
        plan_free(plan);
        if (code > worst)
            worst = code;
    }
    return worst;
}

int run_plan_show(struct session *session)
{
    int code = EXIT_HEALTHY;
    struct plan *plan = read_plan(session, session_argument(session, 0), &code);
    if (plan == NULL)
        return code;
    /* Without a terminal writes the canonical bytes, whose SHA-256 is the digest. */
    if (session->out.terminal)
        session_put_json(session, plan->tree);
    else
        (void)fputs(plan->canonical, stdout);
    session_say(session, "digest %s", plan->digest);
    plan_free(plan);
    return EXIT_HEALTHY;
}
