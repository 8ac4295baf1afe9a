#include "clients/agent/agent_instruction.h"

#include "base/log.h"
#include "clients/agent/action/digest.h"
#include "clients/agent/agent_ask.h"
#include "clients/agent/agent_attempt.h"
#include "clients/agent/agent_download.h"
#include "clients/agent/agent_hold.h"
#include "clients/agent/agent_recall.h"
#include "clients/agent/agent_report.h"

#include <string.h>

enum { MS_PER_SECOND = 1000 };
static const int64_t high_water_marks_period_s = 600;
static const int64_t certain_time_wait_ms = INT64_C(60000);
static const int64_t epoch_day_ms = INT64_C(86400000);
static const int64_t ahead_max_s = 3600;

/* The proven time is earlier: the later times seen before were wrong. */
static void note_earlier_time(struct journal_high_water_marks *high_water_marks, int64_t issued_at_s)
{
    high_water_marks->issued_at_s = issued_at_s;
    if (high_water_marks->forgotten_before_s != JOURNAL_ALL_FORGOTTEN &&
        high_water_marks->forgotten_before_s > issued_at_s)
        high_water_marks->forgotten_before_s = issued_at_s;
}

/* True when the time of issue may count as seen. Where the time is known, a token that is ahead of it does not. */
static bool may_note_time(const struct agent *agent, int64_t issued_at_s, struct agent_time now)
{
    if (!device_clock_is_possible(issued_at_s))
        return false;
    int64_t known_s = device_clock_now_ms(&agent->clock, now) / MS_PER_SECOND;
    return !agent->clock.known.is_set || issued_at_s <= known_s + ahead_max_s;
}

static void note_high_water_marks(struct agent *agent, const struct instruction_payload *payload, bool is_answer,
                                  struct agent_time now)
{
    struct tc_fault fault;
    const struct journal_high_water_marks old = journal_high_water_marks(agent->journal);
    struct journal_high_water_marks high_water_marks = old;
    bool is_proven = is_answer && agent->clock.is_proof_needed && device_clock_is_fresh(&agent->clock, now);
    high_water_marks.is_time_proven = agent->clock.is_proof_needed;
    if (payload->epoch > old.epoch)
        high_water_marks.epoch = payload->epoch;
    if (payload->issued_at_s > old.issued_at_s && may_note_time(agent, payload->issued_at_s, now))
        high_water_marks.issued_at_s = payload->issued_at_s;
    else if (is_proven && payload->issued_at_s < old.issued_at_s - high_water_marks_period_s)
        note_earlier_time(&high_water_marks, payload->issued_at_s);
    bool is_later = high_water_marks.issued_at_s >= old.issued_at_s &&
                    high_water_marks.issued_at_s < old.issued_at_s + high_water_marks_period_s;
    if (high_water_marks.epoch == old.epoch && high_water_marks.is_time_proven == old.is_time_proven && is_later)
        return;
    if (journal_write_high_water_marks(agent->journal, &high_water_marks, &fault) != TC_OK)
        LOG_ERROR("journal.write_failed", F_STR("fault", fault.text));
}

/* The recorded report again: the one that waits for its confirm, or a copy with a new sequence. */
static void answer_again(struct agent *agent, const struct journal_entry *known)
{
    if (outbox_make_due(agent->outbox, known->instruction, known->attempt))
        return;
    struct journal_entry entry = *known;
    entry.sequence++;
    agent_report_end(agent, entry);
}

static void answer_completed(struct agent *agent, const struct journal_entry *known,
                             const struct instruction_payload *payload)
{
    struct journal_entry entry = *known;
    entry.attempt = payload->attempt;
    entry.expires_s = payload->expires_s;
    entry.sequence = 0;
    agent_journal_end(agent, &entry, REPORT_COMPLETED, "already_completed", "", known->at_ms);
    agent_report_end(agent, entry);
}

/* True when the journal already has the answer. */
static bool is_answered_by_journal(struct agent *agent, const struct journal_entry *known,
                                   const struct instruction_payload *payload)
{
    if (payload->attempt < known->attempt) {
        LOG_LIMITED(LOG_LEVEL_INFO, "", "instruction.superseded", F_INT("instruction", payload->instruction),
                    F_INT("attempt", payload->attempt), F_INT("newer", known->attempt));
        return true;
    }
    if (known->stage != JOURNAL_ENDED)
        return false;
    if (payload->attempt == known->attempt)
        answer_again(agent, known);
    else if (known->state == REPORT_COMPLETED)
        answer_completed(agent, known, payload);
    else
        return false;
    return true;
}

/* Ends an attempt that a damaged journal may have lost, as if it had begun. False: it is new. */
static bool end_as_forgotten(struct agent *agent, struct journal_entry *entry, int64_t issued_at_s,
                             struct agent_time now)
{
    if (issued_at_s >= journal_high_water_marks(agent->journal).forgotten_before_s)
        return false;
    agent_journal_forgotten(agent, entry, device_clock_now_ms(&agent->clock, now));
    agent_report_end(agent, *entry);
    return true;
}

/* The orchestrators have one instruction in flight at a device: no answer of a later time brings another one that
 * this device has done already. */
static void settle_journal(struct agent *agent, int64_t issued_at_s)
{
    struct tc_fault fault;
    if (journal_high_water_marks(agent->journal).forgotten_before_s != JOURNAL_ALL_FORGOTTEN)
        return;
    if (journal_settle(agent->journal, issued_at_s, &fault) == TC_OK)
        LOG_INFO("journal.settled", F_INT("forgotten_before", issued_at_s));
    else
        LOG_ERROR("journal.rewrite_failed", F_STR("fault", fault.text));
}

/* Keeps a copy of the token, in place of an older one, with the flags of `pending`. */
static void keep_pending(struct agent *agent, const struct buffer *token, const struct agent_pending *pending)
{
    struct buffer copy = agent->pending.token;
    buffer_clear(&copy);
    buffer_put(&copy, token->bytes, token->length);
    agent->pending = *pending;
    agent->pending.is_set = true;
    agent->pending.token = copy;
}

/* True when the time is certain enough to refuse this instruction, or to begin it. Only an answer is refused at once:
 * since an earlier answer the time may have become wrong. */
static bool is_time_certain(const struct agent *agent, bool is_refused, bool is_answer)
{
    bool is_known = device_clock_is_known(&agent->clock);
    if (!agent->clock.is_proof_needed)
        return is_known || !is_refused;
    return is_known && (is_answer || !is_refused);
}

/* Keeps the instruction until an answer confirms the time. False when the wait is over. */
static bool wait_for_certain_time(struct agent *agent, const struct instruction_payload *payload,
                                  const struct buffer *token, bool is_refused, struct agent_time now)
{
    struct agent_time_wait *time_wait = &agent->time_wait;
    bool is_first = time_wait->instruction != payload->instruction || time_wait->attempt != payload->attempt;
    if (is_first)
        *time_wait =
            (struct agent_time_wait){payload->instruction, payload->attempt, now.monotonic_ms + certain_time_wait_ms};
    if (time_wait->until_ms <= now.monotonic_ms)
        return false;
    LOG_LIMITED(LOG_LEVEL_INFO, "", "clock.in_doubt", F_INT("instruction", payload->instruction),
                F_INT("wall_ms", now.wall_ms));
    keep_pending(
        agent, token,
        &(struct agent_pending){.is_final = true, .is_refused = is_refused, .not_before_ms = time_wait->until_ms});
    bool asks_at_once = is_first && agent->clock.is_proof_needed && !agent->clock.doubted.is_set;
    agent_ask_after(agent, asks_at_once ? 0 : DEVICE_CLOCK_SECOND_ASK_MS, time_wait->until_ms, now.monotonic_ms);
    return true;
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* Takes ownership of the payload of a new instruction of this device: starts it or refuses it. */
static void start(struct agent *agent, struct instruction_payload *payload, const struct journal_entry *entry,
                  const struct refusal *refusal, struct agent_time now)
{
    const char *executable = agent->config.executables[payload->action];
    instruction_payload_free(&agent->payload);
    agent->payload = *payload;
    agent->entry = *entry;
    *payload = (struct instruction_payload){0};
    if (refusal->code[0] != '\0')
        agent_end_before_effect(agent, REPORT_REJECTED, refusal->code, refusal->detail, now);
    else if (is_empty(executable) && is_empty(agent->config.install_socket))
        agent_end_before_effect(agent, REPORT_REJECTED, "unsupported_action", action_name(agent->payload.action), now);
    else if (!agent_defers_to_technician(agent, now) && !agent_defers_to_atms(agent, now))
        agent_begin(agent, now);
}

static void process_instruction(struct agent *agent, struct instruction_payload *payload, const struct buffer *token,
                                const struct agent_pending *pending, struct agent_time now)
{
    const struct journal_entry *known = journal_find(agent->journal, payload->instruction);
    struct refusal refusal = {0};
    struct journal_entry entry = {
        .instruction = payload->instruction,
        .attempt = payload->attempt,
        .epoch = payload->epoch,
        .expires_s = payload->expires_s,
        .stage = JOURNAL_RECEIVED,
        .action = payload->action,
    };
    if (payload->has_artifact) {
        memcpy(entry.artifact, payload->artifact.name, sizeof entry.artifact);
        memcpy(entry.version, payload->artifact.version, sizeof entry.version);
    }
    instruction_digest(payload, entry.content);
    bool is_same_content = known != NULL && strcmp(known->content, entry.content) == 0;
    if (known != NULL && !is_same_content && payload->epoch <= known->epoch) {
        (void)refuse(&refusal, "conflict", "an earlier instruction with this ID had another content");
        agent_report_untrusted(agent, payload, &refusal);
        return;
    }
    if (is_same_content && is_answered_by_journal(agent, known, payload))
        return;
    if (is_same_content && known->attempt == payload->attempt)
        entry.sequence = known->sequence;
    if (end_as_forgotten(agent, &entry, payload->issued_at_s, now))
        return;
    bool is_refused = !verify_times(payload, device_clock_now_ms(&agent->clock, now), &refusal);
    if (!pending->is_final && !is_time_certain(agent, is_refused, pending->is_answer) &&
        wait_for_certain_time(agent, payload, token, is_refused, now))
        return;
    buffer_clear(&agent->token);
    buffer_put(&agent->token, token->bytes, token->length);
    start(agent, payload, &entry, &refusal, now);
}

/* Returns the highest epoch that is accepted now: it may rise by EPOCH_RISE_MAX in a day, so that no number of tokens
 * takes the device far from its orchestrators. A new device has seen none. */
static struct epoch_range accepted_epochs(struct agent *agent, int64_t now_ms)
{
    struct agent_epoch_day *day = &agent->epoch_day;
    int64_t seen = journal_high_water_marks(agent->journal).epoch;
    if (day->seen == 0 || now_ms - day->since_ms >= epoch_day_ms)
        *day = (struct agent_epoch_day){seen, now_ms};
    return (struct epoch_range){seen, epoch_max(day->seen)};
}

/* Checks all but the times. */
static bool is_trusted(struct agent *agent, const void *token, size_t length, struct instruction_payload *payload,
                       int64_t now_ms)
{
    struct refusal refusal = {0};
    const struct epoch_range epochs = accepted_epochs(agent, now_ms);
    if (verify_token(agent->config.keys, agent->config.device, token, length, payload, &refusal) &&
        verify_address(payload, agent->config.device, &epochs, &refusal))
        return true;
    agent_report_untrusted(agent, payload, &refusal);
    instruction_payload_free(payload);
    return false;
}

/* True when it answers an ask of this device. */
static bool learn_time(struct agent *agent, const struct instruction_payload *payload, const struct buffer *token,
                       bool may_answer, struct agent_time now)
{
    int64_t age_ms;
    if (payload->nonce[0] == '\0') {
        if (may_answer)
            device_clock_learn_unproven(&agent->clock, payload->issued_at_s, now);
        return may_answer && !agent->clock.is_proof_needed;
    }
    device_clock_need_proof(&agent->clock);
    if (!nonces_take(&agent->nonces, payload->nonce, now.monotonic_ms, &age_ms))
        return false;
    device_clock_learn_proven(&agent->clock, payload->issued_at_s, age_ms, now);
    buffer_clear(&agent->proof);
    buffer_put(&agent->proof, token->bytes, token->length);
    return true;
}

static void process_trusted(struct agent *agent, struct instruction_payload *payload, const struct buffer *token,
                            const struct agent_pending *pending, struct agent_time now)
{
    int64_t issued_at_s = payload->issued_at_s; /* `process_instruction` may take ownership of the payload */
    process_instruction(agent, payload, token, pending, now);
    if (pending->is_answer)
        settle_journal(agent, issued_at_s);
}

void agent_handle_token(struct agent *agent, const void *token, size_t length, bool is_live, struct agent_time now)
{
    struct instruction_payload payload = {0};
    const struct buffer whole = {.bytes = (char *)(uintptr_t)token, .length = length};
    if (!is_trusted(agent, token, length, &payload, now.monotonic_ms))
        return;
    bool may_answer = is_live && agent->ask.is_unanswered;
    if (is_live)
        agent_end_asking(agent);
    /* Without a proof the second answer decides: by its own time, or by the wall clock when it was not live. */
    bool is_second = device_clock_is_second(&agent->clock, now);
    struct agent_pending pending = {.is_answer = learn_time(agent, &payload, &whole, may_answer, now)};
    pending.is_final = pending.is_answer && is_second && !agent->clock.is_proof_needed;
    note_high_water_marks(agent, &payload, pending.is_answer, now);
    /* A recall is the epoch of a restore, so none is above the present epoch, which is bounded. */
    if (payload.recall != 0 && payload.recall <= payload.epoch && pending.is_answer)
        agent_recall(agent, payload.recall, payload.recall_since_s, now.monotonic_ms);
    if (payload.instruction == 0) {
        if (pending.is_answer) {
            agent_handle_no_instruction(agent, true, now);
            settle_journal(agent, payload.issued_at_s);
        }
    } else if (agent->stage == STAGE_IDLE) {
        agent->pending.is_set = false;
        process_trusted(agent, &payload, &whole, &pending, now);
    } else {
        char content[JOURNAL_CONTENT_SIZE];
        instruction_digest(&payload, content);
        if (!agent_continues_download(agent, &payload, content, pending.is_answer))
            keep_pending(agent, &whole, &pending);
    }
    instruction_payload_free(&payload);
}

void agent_handle_pending(struct agent *agent, struct agent_time now)
{
    if (!agent->pending.is_set || agent->stage != STAGE_IDLE || agent->pending.not_before_ms > now.monotonic_ms)
        return;
    struct agent_pending pending = agent->pending;
    struct instruction_payload payload = {0};
    agent->pending = (struct agent_pending){0};
    if (is_trusted(agent, pending.token.bytes, pending.token.length, &payload, now.monotonic_ms))
        process_trusted(agent, &payload, &pending.token, &pending, now);
    instruction_payload_free(&payload);
    buffer_free(&pending.token);
}

static bool has_received(const struct agent *agent)
{
    const struct journal_entry *entry;
    for (size_t i = 0; (entry = journal_at(agent->journal, i)) != NULL; i++) {
        if (entry->stage == JOURNAL_RECEIVED)
            return true;
    }
    return false;
}

/* Ends instructions that an earlier run received but did not begin. As for a download, the second answer counts. */
static void withdraw_received(struct agent *agent, struct agent_time now)
{
    if (!has_received(agent))
        return;
    if (!agent->download.may_be_withdrawn) {
        agent->download.may_be_withdrawn = true;
        agent->ask.is_due = true;
        return;
    }
    for (size_t i = 0; journal_at(agent->journal, i) != NULL; i++) {
        struct journal_entry entry = *journal_at(agent->journal, i);
        if (entry.stage != JOURNAL_RECEIVED)
            continue;
        agent_journal_end(agent, &entry, REPORT_DEFERRED, "withdrawn", "withdrawn before it began",
                          device_clock_now_ms(&agent->clock, now));
        agent_report_end(agent, entry);
    }
}

void agent_handle_no_instruction(struct agent *agent, bool is_answer, struct agent_time now)
{
    agent_suspect_withdrawal(agent, is_answer);
    if (!agent->pending.is_set) {
        if (is_answer && agent->stage == STAGE_IDLE)
            withdraw_received(agent, now);
        return;
    }
    if (agent->pending.is_refused) {
        /* It waits for a better time, which only another instruction would bring: decide by the known time now. */
        agent->pending.not_before_ms = INT64_MIN;
        return;
    }
    /* This message may have overtaken a later one: ask once more. */
    LOG_INFO("instruction.withdrawn_unbegun", F_INT("bytes", agent->pending.token.length));
    agent->pending.is_set = false;
    agent->ask.is_due = true;
}
