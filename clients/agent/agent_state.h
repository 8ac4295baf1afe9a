/* Private to the agent_*.c files: the machine's state and the steps they share. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_STATE_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_STATE_H

#include "clients/agent/agent.h"
#include "clients/agent/journal.h"
#include "clients/agent/outbox.h"
#include "clients/agent/relay.h"
#include "clients/agent/verify.h"

#include <limits.h>

#define PROGRESS_REPORTS_MAX 250 /* of an attempt */

enum agent_stage {
    STAGE_READING_VERSIONS,
    STAGE_VERSIONS_LATER, /* an end hangs on them, and an installer of an earlier run keeps them from being read */
    STAGE_IDLE,
    STAGE_DOWNLOADING,
    STAGE_WAITING, /* for the broker to acknowledge what a node relayed */
    STAGE_INSTALLING,
};

struct agent_ask {
    bool is_unbidden;   /* one is wanted without a dispatch */
    bool is_unanswered; /* one is under way: the next live instruction is its answer */
    int64_t until_ms;   /* a dispatch stands until then; INT64_MIN: none does */
    int64_t next_ms;
    int64_t delay_ms;
    int64_t period_next_ms;
};

/* An instruction message that waits: the agent is busy, or it is not sure of the time. */
struct agent_kept {
    bool is_there;
    bool is_answer;
    bool is_final; /* see agent_take_instruction */
    struct agent_time arrived;
    int64_t judge_ms; /* not before */
    struct buffer token;
};

struct agent {
    struct agent_config config;
    struct agent_effects effects;
    char *work_folder, *artifact_folder, *parameters_path;
    struct journal *journal;
    struct outbox *outbox;
    struct device_clock clock;
    struct relay relay;

    enum agent_stage stage;
    bool is_connected;
    bool is_stopping;
    struct agent_ask ask;
    struct agent_kept kept;
    json_t *versions;          /* what is installed; NULL: nobody knows */
    json_t *versions_read;     /* what the reading under way has found so far */
    int64_t versions_again_ms; /* they could not be read now: try again; 0: not so */

    /* The attempt under way. */
    struct instruction_claims claims;
    struct journal_entry entry;
    char artifact_path[PATH_MAX]; /* "": none */
    int32_t sequence_limit;       /* the journal knows that sequences up to here may have been used */
    struct status installing;     /* what was last reported of the installation */
    int64_t progress_next_ms;
};

/* ---- agent_instruction.c: may this message be followed? */

/* `is_final`: judge it by the time as far as it is known; there will be no better one. */
void agent_take_instruction(struct agent *agent, const void *token, size_t length, bool is_answer,
                            struct agent_time arrived, bool is_final, struct agent_time now);

/* ---- agent_attempt.c: follow it */

/* Ends the attempt `deferred` when an ATM of this node's branch was started a short while ago; false: it was not. */
bool agent_defers_to_atms(struct agent *agent, struct agent_time now);
/* Begins the attempt of `agent->claims` and `agent->entry`. */
void agent_begin(struct agent *agent, struct agent_time now);
/* From STAGE_WAITING: starts the installer when nothing keeps it back. */
void agent_try_install(struct agent *agent, struct agent_time now);
/* Ends the attempt of `agent->entry` before an effect: journal, report, idle. */
void agent_end_before_effect(struct agent *agent, enum report_state state, const char *code, const char *detail,
                             struct agent_time now);
void agent_read_versions(struct agent *agent);

/* ---- agent_report.c: tell it */

/* Makes `entry` ended in the journal, not yet reported. */
void agent_journal_end(struct agent *agent, struct journal_entry *entry, enum report_state state, const char *code,
                       const char *detail, int64_t at_ms);
/* The same for an entry of which the damaged journal may have lost the rest. */
void agent_journal_forgotten(struct agent *agent, struct journal_entry *entry, int64_t at_ms);
/* Puts the last status of an ended entry in the outbox and says so in the journal. */
void agent_report_end(struct agent *agent, struct journal_entry entry);
/* True for an end, not reported yet, that holds only when the versions do not belie it. */
bool agent_awaits_versions(const struct journal_entry *entry);
/* All ended entries that are not reported yet; but those that await the versions only when there is no more to wait
 * for. */
void agent_report_all(struct agent *agent, bool is_final);
void agent_report_received(struct agent *agent, struct agent_time now);
/* `installing`, kept until it is confirmed: a deadline hangs on it. */
void agent_report_installing(struct agent *agent, struct agent_time now);
/* How far it is, published once: another one comes, or the end. */
void agent_report_progress(struct agent *agent, int percent, const char *text, struct agent_time now);
/* While the installer of an instruction runs: what was last reported of it is due again, and kept. */
void agent_report_installing_again(struct agent *agent);
/* `rejected`, published once and kept nowhere: the token's IDs are unproven or not this device's. */
void agent_report_untrusted(struct agent *agent, const struct instruction_claims *claims,
                            const struct refusal *refusal);
/* Publishes what is due in the outbox. */
void agent_send_outbox(struct agent *agent, int64_t now_ms);

/* ---- agent.c */

enum tc_error agent_publish(struct agent *agent, enum topic_kind kind, const struct buffer *payload, int qos,
                            bool retained);
/* Asks again after `wait_ms`, as a dispatch would have it, until it is answered. */
void agent_ask_after(struct agent *agent, int64_t wait_ms, int64_t until_ms, int64_t now_ms);
/* Keeps a copy of the token in place of an older one. `kept` says the rest. */
void agent_keep(struct agent *agent, const void *token, size_t length, const struct agent_kept *kept);

#endif
