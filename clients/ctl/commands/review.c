/* Reviews of what was done without approvals. */
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static void add_review(struct table *table, const json_t *review)
{
    struct buffer text = {0};
    bool is_overdue = json_is_true(json_object_get(review, "is_overdue"));
    const char *state = document_text(review, "state");
    buffer_format(&text, "%" PRId64, document_number(review, "review"));
    table_add(table, TONE_STRONG, buffer_text(&text));
    table_add(table, TONE_PLAIN, document_text(review, "name"));
    table_add(table, strcmp(state, "accepted") == 0 ? TONE_GOOD : TONE_BAD, is_overdue ? "overdue" : state);
    buffer_clear(&text);
    buffer_format(&text, "%s%s%s", document_text(review, "of"),
                  *document_text(review, "ordered_by") == '\0' ? "" : ", ordered by ",
                  document_text(review, "ordered_by"));
    table_add(table, TONE_PLAIN, buffer_text(&text));
    table_add_time(table, document_text(review, "due_at"));
    buffer_clear(&text);
    buffer_format(&text, "%zu of 2", json_array_size(json_object_get(review, "decisions")));
    table_add(table, TONE_PLAIN, buffer_text(&text));
    table_add(table, TONE_PLAIN, document_text(review, "actor"));
    table_add(table, TONE_PLAIN, document_text(review, "reason"));
    buffer_free(&text);
}

int run_review_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"REVIEW", true, 0, 0}, {"ROLLOUT", false, 12, 0}, {"STATE", false, 8, 0}, {"OF", false, 0, 4},
        {"DUE", false, 0, 1},   {"GIVEN", false, 0, 2},    {"BY", false, 8, 0},    {"REASON", false, 0, 3},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    struct buffer path = {0};
    const char *state = session_option(session, "state");
    buffer_put_text(&path, "/v1/reviews");
    if (state != NULL) {
        buffer_put_text(&path, "?state=");
        http_put_escaped(&path, state);
    }
    const struct listing listing = {buffer_text(&path), "reviews", columns, sizeof columns / sizeof *columns,
                                    add_review,         false,     limit,   "no reviews"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

static json_t *send_decision(struct session *session, const char *verb, int *code)
{
    struct buffer path = {0}, subject = {0};
    buffer_put_text(&path, "/v1/reviews/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&path, "/%s", verb);
    buffer_put_text(&subject, "review ");
    (void)text_put_clean(&subject, session_argument(session, 0), 0, session->err.utf8);
    json_t *answer = session_order(session, buffer_text(&path), buffer_text(&subject), code);
    buffer_free(&subject);
    buffer_free(&path);
    return answer;
}

static void show_decision(const struct session *session, const json_t *answer, const char *done)
{
    struct buffer out = {0};
    const char *state = document_text(answer, "state");
    buffer_format(&out, "review %" PRId64 "  %s%s; it is ", document_number(answer, "review"),
                  json_is_true(json_object_get(answer, "existing")) ? "was already " : "", done);
    (void)text_put_clean(&out, state, 0, session->out.utf8);
    buffer_put_text(&out, strcmp(state, "pending") == 0 ? ", and waits for another person\n" : "\n");
    session_put(&out);
    buffer_free(&out);
}

static int decide(struct session *session, const char *verb, const char *done)
{
    int code;
    json_t *answer = send_decision(session, verb, &code);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        show_decision(session, answer, done);
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_review_accept(struct session *session)
{
    return decide(session, "accept", "accepted");
}

int run_review_object(struct session *session)
{
    return decide(session, "object", "objected to");
}
