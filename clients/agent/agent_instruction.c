#include "clients/agent/agent_state.h"

#include "base/log.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

enum { MS_PER_SECOND = 1000, ORDER_DIGEST_SIZE = (JOURNAL_ORDER_SIZE - 1) / 2 };
static const int64_t marks_period_s = 600;
static const int64_t second_answer_wait_ms = INT64_C(60000);

static void digest_order(const struct instruction_claims *claims, char order[static JOURNAL_ORDER_SIZE])
{
    struct buffer text = {0};
    unsigned char digest[ORDER_DIGEST_SIZE];
    buffer_format(&text, "%" PRId64 " ", claims->rollout);
    instruction_order_encode(claims, &text);
    (void)crypto_generichash(digest, sizeof digest, (const unsigned char *)text.bytes, text.length, NULL, 0);
    (void)sodium_bin2hex(order, JOURNAL_ORDER_SIZE, digest, sizeof digest);
    buffer_free(&text);
}

static void note_marks(struct agent *agent, const struct instruction_claims *claims)
{
    struct tc_fault fault;
    struct journal_marks marks = journal_marks(agent->journal);
    if (claims->epoch <= marks.epoch && claims->issued_at_s < marks.issued_at_s + marks_period_s)
        return;
    marks.epoch = claims->epoch;
    if (claims->issued_at_s > marks.issued_at_s)
        marks.issued_at_s = claims->issued_at_s;
    if (journal_write_marks(agent->journal, &marks, &fault) != TC_OK)
        LOG_ERROR("journal.write_failed", F_STR("fault", fault.text));
}

/* The recorded status again: the one that waits for its confirm, or a copy with a new sequence. */
static void answer_again(struct agent *agent, const struct journal_entry *known)
{
    if (outbox_hurry(agent->outbox, known->instruction, known->attempt))
        return;
    struct journal_entry entry = *known;
    entry.sequence++;
    agent_report_end(agent, entry);
}

static void answer_completed(struct agent *agent, const struct journal_entry *known,
                             const struct instruction_claims *claims)
{
    struct journal_entry entry = *known;
    entry.attempt = claims->attempt;
    entry.expires_s = claims->expires_s;
    entry.sequence = 0;
    agent_journal_end(agent, &entry, REPORT_COMPLETED, "already_completed", "", known->at_ms);
    agent_report_end(agent, entry);
}

/* True when what this device has done already is the whole answer. */
static bool is_answered_by_journal(struct agent *agent, const struct journal_entry *known,
                                   const struct instruction_claims *claims)
{
    if (claims->attempt < known->attempt) {
        LOG_INFO("instruction.superseded", F_INT("instruction", claims->instruction), F_INT("attempt", claims->attempt),
                 F_INT("newer", known->attempt));
        return true;
    }
    if (known->stage != JOURNAL_ENDED)
        return false;
    if (claims->attempt == known->attempt)
        answer_again(agent, known);
    else if (known->state == REPORT_COMPLETED)
        answer_completed(agent, known, claims);
    else
        return false;
    return true;
}

/* True for what a damaged journal may have forgotten. It is ended then, as if it had been begun. */
static bool is_ended_as_forgotten(struct agent *agent, struct journal_entry *entry, int64_t issued_at_s,
                                  struct agent_time now)
{
    if (issued_at_s >= journal_marks(agent->journal).forgotten_before_s)
        return false;
    agent_journal_forgotten(agent, entry, device_clock_now_ms(&agent->clock, now));
    agent_report_end(agent, *entry);
    return true;
}

/* The orchestrators have one instruction in flight at a device: no answer of a later time brings another one that
 * this device has done already. */
static void settle_doubt(struct agent *agent, int64_t issued_at_s)
{
    struct tc_fault fault;
    if (journal_marks(agent->journal).forgotten_before_s != JOURNAL_ALL_FORGOTTEN)
        return;
    if (journal_settle(agent->journal, issued_at_s, &fault) == TC_OK)
        LOG_INFO("journal.settled", F_INT("forgotten_before", issued_at_s));
    else
        LOG_ERROR("journal.rewrite_failed", F_STR("fault", fault.text));
}

/* A time of the wall clock is not enough for a refusal: the instruction waits for a second answer. */
static bool wait_for_the_time(struct agent *agent, const void *token, size_t length, struct agent_time now)
{
    if (device_clock_is_known(&agent->clock))
        return false;
    LOG_INFO("clock.in_doubt", F_INT("wall_ms", now.wall_ms));
    int64_t until_ms = now.monotonic_ms + second_answer_wait_ms;
    agent_keep(agent, token, length, &(struct agent_kept){.is_final = true, .arrived = now, .judge_ms = until_ms});
    agent_ask_after(agent, DEVICE_CLOCK_SECOND_ASK_MS, until_ms, now.monotonic_ms);
    return true;
}

/* Takes over the claims: the instruction is this device's, new to it, and in force or refused. */
static void start(struct agent *agent, struct instruction_claims *claims, const struct journal_entry *entry,
                  const struct refusal *refusal, struct agent_time now)
{
    const char *executable = agent->config.executables[claims->action];
    instruction_claims_free(&agent->claims);
    agent->claims = *claims;
    agent->entry = *entry;
    *claims = (struct instruction_claims){0};
    if (refusal->code[0] != '\0')
        agent_end_before_effect(agent, REPORT_REJECTED, refusal->code, refusal->detail, now);
    else if (executable == NULL || executable[0] == '\0')
        agent_end_before_effect(agent, REPORT_REJECTED, "unsupported_action", action_name(agent->claims.action), now);
    else if (!agent_defers_to_atms(agent, now))
        agent_begin(agent, now);
}

static void judge(struct agent *agent, struct instruction_claims *claims, const struct buffer *token, bool is_final,
                  struct agent_time now)
{
    const struct journal_entry *known = journal_find(agent->journal, claims->instruction);
    struct refusal refusal = {0};
    struct journal_entry entry = {
        .instruction = claims->instruction,
        .attempt = claims->attempt,
        .epoch = claims->epoch,
        .expires_s = claims->expires_s,
        .stage = JOURNAL_RECEIVED,
        .action = claims->action,
    };
    if (claims->has_artifact) {
        memcpy(entry.artifact, claims->artifact.name, sizeof entry.artifact);
        memcpy(entry.version, claims->artifact.version, sizeof entry.version);
    }
    digest_order(claims, entry.order);
    bool is_same_order = known != NULL && strcmp(known->order, entry.order) == 0;
    if (known != NULL && !is_same_order && claims->epoch <= known->epoch) {
        (void)refuse(&refusal, "conflict", "this instruction ordered something else before");
        agent_report_untrusted(agent, claims, &refusal);
        return;
    }
    if (is_same_order && is_answered_by_journal(agent, known, claims))
        return;
    if (is_same_order && known->attempt == claims->attempt)
        entry.sequence = known->sequence;
    if (is_ended_as_forgotten(agent, &entry, claims->issued_at_s, now))
        return;
    if (!verify_times(claims, device_clock_now_ms(&agent->clock, now), &refusal) && !is_final &&
        wait_for_the_time(agent, token->bytes, token->length, now))
        return;
    start(agent, claims, &entry, &refusal, now);
}

void agent_take_instruction(struct agent *agent, const void *token, size_t length, bool is_answer,
                            struct agent_time arrived, bool is_final, struct agent_time now)
{
    struct instruction_claims claims = {0};
    struct refusal refusal = {0};
    const struct buffer whole = {.bytes = (char *)(uintptr_t)token, .length = length};
    if (!verify_token(agent->config.keys, agent->config.device, token, length, &claims, &refusal)) {
        agent_report_untrusted(agent, &claims, &refusal);
        return;
    }
    /* The second answer decides: by its own time, or by the wall clock if it was no live one. */
    bool is_second = device_clock_is_second(&agent->clock, arrived);
    if (is_answer)
        device_clock_learn(&agent->clock, claims.issued_at_s, arrived);
    if (!verify_address(&claims, agent->config.device, journal_marks(agent->journal).epoch, &refusal)) {
        agent_report_untrusted(agent, &claims, &refusal);
    } else {
        int64_t issued_at_s = claims.issued_at_s; /* `judge` may take the claims over */
        note_marks(agent, &claims);
        judge(agent, &claims, &whole, is_final || (is_answer && is_second), now);
        if (is_answer)
            settle_doubt(agent, issued_at_s);
    }
    instruction_claims_free(&claims);
}
