#include "clients/agent/machine_status.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MS_PER_SECOND = 1000 };

static json_t *time_text(int64_t time_ms)
{
    char text[TC_TIME_TEXT_SIZE];
    clock_format(time_ms, text);
    return json_string(text);
}

static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

static int64_t seconds_until(const struct machine_status *status, int64_t boot_ms)
{
    int64_t left_ms = boot_ms - status->boot_ms;
    return left_ms <= 0 ? 0 : (left_ms + MS_PER_SECOND - 1) / MS_PER_SECOND;
}

/* ---- the reasons ---- */

/* Takes the text. */
static void add_reason(json_t *reasons, const char *code, struct buffer *text)
{
    json_t *reason = json_pack("{s:s, s:s}", "code", code, "text", buffer_text(text));
    TC_CHECK(reason != NULL && json_array_append_new(reasons, reason) == 0);
    buffer_free(text);
}

static void add_connection(const struct machine_status *status, json_t *reasons)
{
    const struct session_view *session = status->session;
    struct buffer text = {0};
    if (session->activity == SESSION_CONNECTED)
        return;
    if (status->awaits_certificate && session->activity == SESSION_WAITING && !session->is_former) {
        buffer_put_text(&text, "this device has no certificate yet: it has not enrolled");
        add_reason(reasons, "no_certificate", &text);
        return;
    }
    buffer_format(&text, "the broker %s:%d is not connected", session->hosts, session->port);
    if (session->fault[0] != '\0')
        buffer_format(&text, ": %s", session->fault);
    if (session->activity == SESSION_WAITING)
        buffer_format(&text, "; the next try is in %" PRId64 " s", seconds_until(status, session->next_try_ms));
    else
        buffer_put_text(&text, "; a try is under way");
    add_reason(reasons, "not_connected", &text);
}

static void add_hold(const struct machine_status *status, json_t *reasons)
{
    const struct hold *hold = status->agent->hold;
    struct buffer text = {0};
    char until[TC_TIME_TEXT_SIZE];
    if (hold == NULL)
        return;
    clock_format(hold->until_ms, until);
    buffer_format(&text, "a technician holds this device until %s: %s", until, hold->reason);
    add_reason(reasons, "held_by_technician", &text);
}

static const char *activity_text(enum agent_activity activity)
{
    switch (activity) {
    case ACTIVITY_ASKING: return "it has asked the orchestrator, and waits for the answer";
    case ACTIVITY_READING_VERSIONS: return "it reads the installed versions";
    case ACTIVITY_AWAITING_VERSIONS:
        return "it cannot read the installed versions: an installer of an earlier run works";
    case ACTIVITY_AWAITING_TIME: return "it has an instruction, and waits for an answer that makes the time certain";
    case ACTIVITY_DOWNLOADING: return "it downloads the artifact";
    case ACTIVITY_AWAITING_PROOF: return "it is ready to install, and waits for an answer that proves the time";
    case ACTIVITY_AWAITING_RELAY: return "it is ready to install, and waits until its dispatches are acknowledged";
    case ACTIVITY_INSTALLING: return "it installs";
    case ACTIVITY_NOTHING: break;
    }
    return "nothing is ordered";
}

static json_t *reasons_of(const struct machine_status *status)
{
    json_t *reasons = json_array();
    struct buffer text = {0};
    TC_CHECK(reasons != NULL);
    add_connection(status, reasons);
    add_hold(status, reasons);
    buffer_put_text(&text, activity_text(status->agent->activity));
    add_reason(reasons, agent_activity_name(status->agent->activity), &text);
    return reasons;
}

/* ---- the parts ---- */

static json_t *connection_of(const struct machine_status *status)
{
    static const char *const names[] = {
        [SESSION_CONNECTED] = "connected", [SESSION_CONNECTING] = "connecting", [SESSION_WAITING] = "waiting"};
    const struct session_view *session = status->session;
    json_t *next = session->activity == SESSION_WAITING && !status->awaits_certificate
                       ? json_integer(seconds_until(status, session->next_try_ms))
                       : json_null();
    return json_pack("{s:s, s:s, s:o, s:i, s:b, s:o, s:o}", "state", names[session->activity], "host", session->hosts,
                     "address", text_or_null(session->address), "port", session->port, "former", session->is_former,
                     "fault", text_or_null(session->fault), "next_try_in_s", next);
}

static json_t *clock_of(const struct machine_status *status)
{
    const struct agent_view *agent = status->agent;
    int64_t ahead_ms = status->wall_ms - agent->time_ms;
    return json_pack("{s:o, s:b, s:b, s:I}", "time", time_text(agent->time_ms), "known", agent->is_time_known, "proven",
                     agent->is_time_proven, "wall_clock_ahead_s", (json_int_t)(ahead_ms / MS_PER_SECOND));
}

static json_t *certificate_of(const struct machine_status *status)
{
    if (status->certificate_ends_ms == 0)
        return json_null();
    return json_pack("{s:o, s:b}", "valid_until", time_text(status->certificate_ends_ms), "valid",
                     status->certificate_ends_ms > status->agent->time_ms);
}

static json_t *hold_of(const struct machine_status *status)
{
    const struct hold *hold = status->agent->hold;
    if (hold == NULL)
        return json_null();
    return json_pack("{s:o, s:o, s:I, s:s, s:s}", "since", time_text(hold->since_ms), "until",
                     time_text(hold->until_ms), "ends_in_s", (json_int_t)seconds_until(status, hold->ends_ms), "reason",
                     hold->reason, "person", hold->person);
}

static json_t *instruction_of(const struct agent_view *agent)
{
    if (agent->instruction == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:i, s:s, s:o, s:o, s:o}", "instruction", (json_int_t)agent->instruction, "rollout",
                     (json_int_t)agent->rollout, "attempt", agent->attempt, "action", action_name(agent->action),
                     "artifact", text_or_null(agent->artifact), "version", text_or_null(agent->version), "progress",
                     agent->progress < 0 ? json_null() : json_integer(agent->progress));
}

static json_t *last_of(const struct journal_entry *last)
{
    if (last == NULL)
        return json_null();
    return json_pack("{s:I, s:i, s:s, s:o, s:o, s:s, s:o, s:o}", "instruction", (json_int_t)last->instruction,
                     "attempt", last->attempt, "action", action_name(last->action), "artifact",
                     text_or_null(last->artifact), "version", text_or_null(last->version), "state",
                     report_state_name(last->state), "code", text_or_null(last->code), "at", time_text(last->at_ms));
}

json_t *machine_status_document(const struct machine_status *status)
{
    const struct agent_view *agent = status->agent;
    json_t *versions = agent->versions == NULL ? json_null() : json_deep_copy(agent->versions);
    json_t *document = json_pack(
        "{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "device", status->device, "branch",
        text_or_null(status->branch), "role", device_role_name(status->role), "agent", TELLERCAST_VERSION, "connection",
        connection_of(status), "clock", clock_of(status), "certificate", certificate_of(status), "hold",
        hold_of(status), "instruction", instruction_of(agent), "last", last_of(agent->last), "versions", versions,
        "unconfirmed_reports", (json_int_t)agent->unconfirmed, "reasons", reasons_of(status));
    TC_CHECK(document != NULL);
    return document;
}
