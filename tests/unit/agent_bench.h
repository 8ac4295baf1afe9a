/* An agent without a broker: its effects are recorded, the test sets its time, and its keys are real. */
#ifndef TELLERCAST_TESTS_UNIT_AGENT_BENCH_H
#define TELLERCAST_TESTS_UNIT_AGENT_BENCH_H

#include "clients/agent/agent.h"
#include "tests/unit/temporary_folder.h"

#define BENCH_NOW_S INT64_C(1796400000)
#define BENCH_SENT_MAX 64

#define BENCH_CONFIGURE "\"action\":\"configure\",\"parameters\":{\"limit\":500}"
#define BENCH_SHA256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define BENCH_ROLLBACK                                                                                                 \
    "\"action\":\"rollback\",\"artifact\":{\"name\":\"atm-app\",\"version\":\"4.7.2\"}" /* leaves it */
#define BENCH_INSTALL                                                                                                  \
    "\"action\":\"install\",\"artifact\":{\"name\":\"atm-app\",\"version\":\"4.7.2\",\"url\":\"http://x/a\","          \
    "\"size\":4,\"sha256\":\"" BENCH_SHA256 "\"}"

struct bench_sent {
    struct topic topic;
    char *payload;
    int qos;
};

struct bench {
    struct temporary_folder folder;
    struct signing_key *key, *other_key;
    struct trusted_keys *trusted;
    struct agent_config config;
    struct agent *agent;
    struct agent_time now;

    /* The recorded calls of the effects. */
    int logs_kept;
    int64_t log_instruction;
    bool is_connected;
    struct bench_sent sent[BENCH_SENT_MAX];
    size_t sent_count;
    char nonce[TC_ID_SIZE]; /* of the last ask */
    size_t unacknowledged;
    int downloads, ended_downloads, installs, version_readings;
    int64_t time_left_ms; /* of the last download */
    char last_action[16];
    char last_artifact[PATH_MAX];
    char handed_nonce[TC_ID_SIZE]; /* of the privileged half, for the next ask; "": it gives none */
    /* Of the last installer that was handed over; else "". */
    char last_socket[16];
    struct buffer last_token, last_proof;
};

/* Makes an agent of A7 (an ATM; a node's ID is B1) that is not connected and is reading its versions. */
void bench_open(struct bench *bench, enum device_role role);
void bench_close(struct bench *bench);
/* Ends the agent abruptly, as kill -9 does, and starts another on the same files. */
void bench_restart(struct bench *bench);
/* The same, and flips a bit in the last journal record that contains `text` before the other agent starts. */
void bench_restart_damaged(struct bench *bench, const char *text);

/* Connects the agent and forgets the messages that it sent. `installed`: the versions that the installer prints; NULL:
 * none. */
void bench_make_idle(struct bench *bench, const char *installed);
void bench_read_versions(struct bench *bench, const char *installed);
void bench_connect(struct bench *bench);
void bench_step(struct bench *bench);
void bench_pass(struct bench *bench, int64_t time_ms);
void bench_forget_sent(struct bench *bench);

/* Returns the payload of a valid instruction, for a test to change. */
struct instruction_payload bench_payload(const struct bench *bench, int64_t instruction, int32_t attempt);
void bench_send_token(struct bench *bench, const struct signing_key *key, const struct instruction_payload *payload,
                      const char *content, bool retained);
/* A valid instruction, not retained. */
void bench_instruct(struct bench *bench, int64_t instruction, int32_t attempt, const char *content);
/* A valid instruction that answers the last ask. */
void bench_answer(struct bench *bench, int64_t instruction, int32_t attempt, const char *content);
/* Answers the last ask without an instruction; the time in it is proven and `ahead_s` from the wall clock. */
void bench_prove_time(struct bench *bench, int64_t ahead_s);
/* Answers the last ask without an instruction, but with a recall. */
void bench_recall(struct bench *bench, int64_t recall, int64_t since_s);
void bench_send(struct bench *bench, enum topic_kind kind, const char *payload);
void bench_confirm(struct bench *bench, int64_t instruction, int32_t attempt, int32_t sequence);
void bench_dispatch(struct bench *bench, int64_t expires_in_ms);

void bench_installed(struct bench *bench, enum install_outcome outcome, const char *code);
void bench_downloaded(struct bench *bench, const char *code);

/* Returns the last report that was sent; fails the test when there is none. */
struct report bench_last_report(const struct bench *bench);
size_t bench_count_sent(const struct bench *bench, enum topic_kind kind);
size_t bench_count_states(const struct bench *bench, enum report_state state);
void bench_assert_last(const struct bench *bench, int64_t instruction, int32_t attempt, enum report_state state,
                       const char *code);

#endif
