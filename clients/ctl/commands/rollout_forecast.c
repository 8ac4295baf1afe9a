/* When a rollout ends, at best and at worst, and how that changed. */
#include "base/clock.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/picture/forecast_curve.h"
#include "clients/ctl/screen/text.h"

#include <string.h>

/* Forecasts that the table shows, of all that are kept. */
enum { FORECASTS_SHOWN = 6 };

/* "2026-12-01 05:00:00Z, in 2 h 05 m" */
static void put_end(const struct session *session, const char *name, const json_t *forecast, const char *key,
                    struct buffer *out)
{
    const char *end = document_text(forecast, key), *at = document_text(forecast, "at");
    int64_t end_ms, at_ms;
    struct buffer text = {0};
    if (*end != '\0')
        text_put_time(&text, end);
    if (clock_parse(end, strlen(end), &end_ms) && clock_parse(at, strlen(at), &at_ms) && end_ms >= at_ms) {
        buffer_put_text(&text, ", in ");
        text_put_duration(&text, end_ms - at_ms);
    }
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

static void put_time(const struct session *session, const char *name, const char *time, struct buffer *out)
{
    struct buffer text = {0};
    if (*time != '\0')
        text_put_time(&text, time);
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

static void add_time(struct table *table, const char *time)
{
    struct buffer text = {0};
    text_put_time(&text, time);
    table_add(table, TONE_PLAIN, buffer_text(&text));
    buffer_free(&text);
}

/* The first, the last, and some between them. */
static void put_changes(const struct session *session, const json_t *points, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"FORECAST AT", false, 0, 0}, {"BEST END", false, 0, 0}, {"WORST END", false, 0, 0}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t count = json_array_size(points), shown = count < FORECASTS_SHOWN ? count : FORECASTS_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        const json_t *point = json_array_get(points, shown == 1 ? 0 : i * (count - 1) / (shown - 1));
        add_time(&table, document_text(point, "at"));
        add_time(&table, document_text(point, "best_end_at"));
        add_time(&table, document_text(point, "worst_end_at"));
    }
    if (shown > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

static void put_forecast(const struct session *session, const json_t *forecast, struct buffer *out)
{
    size_t i;
    const json_t *assumption;
    session_put_fact(session, "state", document_text(forecast, "state"), out);
    put_end(session, "best end", forecast, "best_end_at", out);
    put_end(session, "worst end", forecast, "worst_end_at", out);
    put_time(session, "endAt", document_text(forecast, "end_at"), out);
    put_time(session, "ended", document_text(forecast, "ended_at"), out);
    put_time(session, "made", document_text(forecast, "forecast_at"), out);
    json_array_foreach(json_object_get(forecast, "assumptions"), i, assumption)
    {
        session_put_fact(session, i == 0 ? "assumes" : "", document_text(assumption, "text"), out);
    }
    struct buffer curve = {0};
    forecast_curve_put(forecast, &session->out, &curve);
    if (curve.length > 0) {
        buffer_put_text(out, "\n");
        buffer_put_text(out, buffer_text(&curve));
    }
    buffer_free(&curve);
    put_changes(session, json_object_get(forecast, "forecast"), out);
}

int run_rollout_forecast(struct session *session)
{
    int64_t id;
    int code;
    if (!rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    json_t *forecast = rollout_get_part(session, id, "forecast", &code);
    if (forecast == NULL)
        return code;
    struct buffer out = {0};
    if (session->json) {
        session_put_json(session, forecast);
    } else {
        put_forecast(session, forecast, &out);
        session_put(&out);
    }
    buffer_free(&out);
    json_decref(forecast);
    return EXIT_HEALTHY;
}
