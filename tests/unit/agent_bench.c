#include "tests/unit/agent_bench.h"

#include "base/clock.h"
#include "base/file.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void record_nonce(struct bench *bench, const void *payload, size_t length)
{
    struct ask ask;
    assert_int_equal(ask_decode(payload, length, &ask, NULL), TC_OK);
    assert_string_not_equal(ask.nonce, "");
    assert_string_not_equal(ask.nonce, bench->nonce);
    memcpy(bench->nonce, ask.nonce, sizeof bench->nonce);
    ask_free(&ask);
}

static enum tc_error record_publish(void *context, const struct topic *topic, const void *payload, size_t length,
                                    int qos, bool retained)
{
    struct bench *bench = context;
    (void)retained;
    if (!bench->is_connected)
        return TC_UNAVAILABLE;
    assert_true(bench->sent_count < BENCH_SENT_MAX);
    if (topic->kind == TOPIC_ASK)
        record_nonce(bench, payload, length);
    bench->sent[bench->sent_count++] = (struct bench_sent){*topic, strndup(payload, length), qos};
    return TC_OK;
}

static size_t record_unacknowledged(void *context)
{
    const struct bench *bench = context;
    return bench->unacknowledged;
}

static void record_download(void *context, const struct download_request *request)
{
    struct bench *bench = context;
    bench->downloads++;
    bench->time_left_ms = request->time_left_ms;
}

static void record_end_download(void *context)
{
    struct bench *bench = context;
    bench->ended_downloads++;
}

static void record_installer(void *context, const struct install_request *request)
{
    struct bench *bench = context;
    if (strcmp(request->action, "versions") == 0) {
        bench->version_readings++;
        return;
    }
    bench->installs++;
    buffer_clear(&bench->last_token);
    buffer_clear(&bench->last_proof);
    buffer_put_text(&bench->last_token, request->token == NULL ? "" : request->token);
    buffer_put_text(&bench->last_proof, request->proof == NULL ? "" : request->proof);
    (void)snprintf(bench->last_socket, sizeof bench->last_socket, "%s",
                   request->socket_path == NULL ? "" : request->socket_path);
    (void)snprintf(bench->last_action, sizeof bench->last_action, "%s", request->action);
    (void)snprintf(bench->last_artifact, sizeof bench->last_artifact, "%s",
                   request->artifact_file == NULL ? "" : request->artifact_file);
}

static void record_log(void *context, int64_t instruction, int32_t attempt)
{
    struct bench *bench = context;
    (void)attempt;
    bench->logs_kept++;
    bench->log_instruction = instruction;
}

static bool give_nonce(void *context, char nonce[static TC_ID_SIZE])
{
    const struct bench *bench = context;
    memcpy(nonce, bench->handed_nonce, TC_ID_SIZE);
    return nonce[0] != '\0';
}

/* No jitter: half of each wait is fixed, and the random half is 0. */
static uint32_t record_random(void *context, uint32_t below)
{
    (void)context, (void)below;
    return 0;
}

static void open_agent(struct bench *bench)
{
    struct tc_fault fault;
    const struct agent_effects effects = {
        .context = bench,
        .publish = record_publish,
        .unacknowledged = record_unacknowledged,
        .start_download = record_download,
        .end_download = record_end_download,
        .start_installer = record_installer,
        .keep_log = record_log,
        .fetch_nonce = bench->config.install_socket == NULL ? NULL : give_nonce,
        .random = record_random,
    };
    assert_int_equal(agent_open(&bench->config, &effects, bench->now, &bench->agent, &fault), TC_OK);
}

void bench_open(struct bench *bench, enum device_role role)
{
    char path[PATH_MAX];
    struct buffer set = {0};
    *bench = (struct bench){.now = {1000000, BENCH_NOW_S * 1000}};
    temporary_folder_make(&bench->folder);
    assert_int_equal(signing_key_create(temporary_path(&bench->folder, "key", path), NULL), TC_OK);
    assert_int_equal(signing_key_open(path, &bench->key, NULL), TC_OK);
    assert_int_equal(signing_key_create(temporary_path(&bench->folder, "other", path), NULL), TC_OK);
    assert_int_equal(signing_key_open(path, &bench->other_key, NULL), TC_OK);
    signing_key_public_set(bench->key, &set);
    assert_int_equal(trusted_keys_parse(set.bytes, set.length, &bench->trusted, NULL), TC_OK);
    buffer_free(&set);
    bench->config = (struct agent_config){
        .device = role == ROLE_NODE ? "B1" : "A7",
        .branch = "B1",
        .role = role,
        .keys = bench->trusted,
        .data_folder = bench->folder.path,
        .executables =
            {[ACTION_INSTALL] = "/i", [ACTION_ROLLBACK] = "/i", [ACTION_CONFIGURE] = "/i", [ACTION_COLLECT] = "/i"},
        .versions_executable = "/i",
        .ask_first_ms = 5000,
        .ask_longest_ms = 20000,
        .ask_while_downloading_ms = 15000,
        .resend_first_ms = 10000,
        .resend_longest_ms = 60000,
        .progress_period_ms = 2000,
    };
    open_agent(bench);
}

void bench_forget_sent(struct bench *bench)
{
    while (bench->sent_count > 0)
        free(bench->sent[--bench->sent_count].payload);
}

void bench_close(struct bench *bench)
{
    agent_close(bench->agent);
    bench_forget_sent(bench);
    buffer_free(&bench->last_token);
    buffer_free(&bench->last_proof);
    signing_key_close(bench->key);
    signing_key_close(bench->other_key);
    trusted_keys_close(bench->trusted);
    temporary_folder_remove(&bench->folder);
}

static void kill_agent(struct bench *bench)
{
    agent_close(bench->agent);
    bench->agent = NULL;
    bench->is_connected = false;
    bench_forget_sent(bench);
}

void bench_restart(struct bench *bench)
{
    kill_agent(bench);
    open_agent(bench);
}

void bench_restart_damaged(struct bench *bench, const char *text)
{
    enum { JOURNAL_SIZE_MAX = 65536 };
    char path[PATH_MAX];
    struct buffer content = {0};
    size_t last = JOURNAL_SIZE_MAX;
    kill_agent(bench);
    (void)temporary_path(&bench->folder, "journal", path);
    assert_int_equal(file_read(path, JOURNAL_SIZE_MAX, &content, NULL), TC_OK);
    for (char *found = content.bytes; (found = strstr(found, text)) != NULL; found++)
        last = (size_t)(found - content.bytes);
    TC_CHECK(last < content.length);
    content.bytes[last] = (char)(content.bytes[last] ^ 1);
    assert_int_equal(file_replace(path, content.bytes, content.length, 0600, NULL), TC_OK);
    buffer_free(&content);
    open_agent(bench);
}

void bench_step(struct bench *bench)
{
    (void)agent_step(bench->agent, bench->now);
}

void bench_pass(struct bench *bench, int64_t time_ms)
{
    bench->now.monotonic_ms += time_ms;
    bench->now.wall_ms += time_ms;
    bench_step(bench);
}

void bench_connect(struct bench *bench)
{
    bench->is_connected = true;
    agent_connected(bench->agent);
    bench_step(bench);
}

void bench_read_versions(struct bench *bench, const char *installed)
{
    const struct install_result done = {.outcome = INSTALL_DONE};
    if (installed != NULL)
        agent_install_version(bench->agent, "atm-app", installed);
    agent_installer_ended(bench->agent, &done, bench->now);
    bench_step(bench);
}

void bench_make_idle(struct bench *bench, const char *installed)
{
    bench_read_versions(bench, installed);
    bench_connect(bench);
    bench_send(bench, TOPIC_INSTRUCTION, "");
    bench_forget_sent(bench);
}

struct instruction_payload bench_payload(const struct bench *bench, int64_t instruction, int32_t attempt)
{
    int64_t now_s = bench->now.wall_ms / 1000;
    struct instruction_payload payload = {
        .instruction = instruction,
        .rollout = 42,
        .attempt = attempt,
        .epoch = 5,
        .issued_at_s = now_s,
        .not_before_s = now_s,
        .expires_s = now_s + 3600,
        .start_before_s = now_s + 1800,
    };
    (void)snprintf(payload.device, sizeof payload.device, "%s", bench->config.device);
    return payload;
}

void bench_send(struct bench *bench, enum topic_kind kind, const char *payload)
{
    struct topic topic = {.kind = kind};
    (void)snprintf(topic.device, sizeof topic.device, "%s", bench->config.device);
    (void)snprintf(topic.branch, sizeof topic.branch, "B1");
    agent_message(bench->agent, &topic, payload, strlen(payload), false, bench->now);
    bench_step(bench);
}

void bench_send_token(struct bench *bench, const struct signing_key *key, const struct instruction_payload *payload,
                      const char *content, bool retained)
{
    struct topic topic = {.kind = TOPIC_INSTRUCTION};
    struct buffer token = {0};
    (void)snprintf(topic.device, sizeof topic.device, "%s", bench->config.device);
    token_sign(key, payload, content, &token);
    agent_message(bench->agent, &topic, token.bytes, token.length, retained, bench->now);
    buffer_free(&token);
    bench_step(bench);
}

void bench_instruct(struct bench *bench, int64_t instruction, int32_t attempt, const char *content)
{
    const struct instruction_payload payload = bench_payload(bench, instruction, attempt);
    bench_send_token(bench, bench->key, &payload, content, false);
}

void bench_answer(struct bench *bench, int64_t instruction, int32_t attempt, const char *content)
{
    struct instruction_payload payload = bench_payload(bench, instruction, attempt);
    memcpy(payload.nonce, bench->nonce, sizeof payload.nonce);
    bench_send_token(bench, bench->key, &payload, content, false);
}

void bench_prove_time(struct bench *bench, int64_t ahead_s)
{
    struct instruction_payload payload = bench_payload(bench, 0, 0);
    payload.issued_at_s += ahead_s;
    memcpy(payload.nonce, bench->nonce, sizeof payload.nonce);
    bench_send_token(bench, bench->key, &payload, "", false);
}

void bench_recall(struct bench *bench, int64_t recall, int64_t since_s)
{
    struct instruction_payload payload = bench_payload(bench, 0, 0);
    payload.recall = recall;
    payload.recall_since_s = since_s;
    memcpy(payload.nonce, bench->nonce, sizeof payload.nonce);
    bench_send_token(bench, bench->key, &payload, "", false);
}

void bench_confirm(struct bench *bench, int64_t instruction, int32_t attempt, int32_t sequence)
{
    struct buffer payload = {0};
    const struct confirm confirm = {instruction, attempt, sequence, true, ""};
    confirm_encode(&confirm, &payload);
    bench_send(bench, TOPIC_CONFIRM, payload.bytes);
    buffer_free(&payload);
}

void bench_dispatch(struct bench *bench, int64_t expires_in_ms)
{
    struct buffer payload = {0};
    struct dispatch dispatch = {.rollout = 42, .expires_ms = bench->now.wall_ms + expires_in_ms};
    (void)snprintf(dispatch.device, sizeof dispatch.device, "%s", bench->config.device);
    dispatch_encode(&dispatch, &payload);
    bench_send(bench, TOPIC_DISPATCH, payload.bytes);
    buffer_free(&payload);
}

void bench_installed(struct bench *bench, enum install_outcome outcome, const char *code)
{
    struct install_result result = {.outcome = outcome};
    (void)snprintf(result.code, sizeof result.code, "%s", code);
    agent_installer_ended(bench->agent, &result, bench->now);
    bench_step(bench);
}

void bench_downloaded(struct bench *bench, const char *code)
{
    struct download_result result = {.path = "/downloaded"};
    (void)snprintf(result.code, sizeof result.code, "%s", code);
    agent_downloaded(bench->agent, &result, bench->now);
    bench_step(bench);
}

static struct report report_of(const struct bench_sent *sent)
{
    struct report report;
    struct tc_fault fault;
    assert_int_equal(report_decode(sent->payload, strlen(sent->payload), &report, &fault), TC_OK);
    json_decref(report.versions);
    report.versions = NULL;
    return report;
}

struct report bench_last_report(const struct bench *bench)
{
    for (size_t i = bench->sent_count; i > 0; i--) {
        if (bench->sent[i - 1].topic.kind == TOPIC_REPLY)
            return report_of(&bench->sent[i - 1]);
    }
    fail_msg("no report was sent");
    return (struct report){0};
}

size_t bench_count_sent(const struct bench *bench, enum topic_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->sent_count; i++)
        count += bench->sent[i].topic.kind == kind;
    return count;
}

size_t bench_count_states(const struct bench *bench, enum report_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->sent_count; i++) {
        if (bench->sent[i].topic.kind == TOPIC_REPLY)
            count += report_of(&bench->sent[i]).state == state;
    }
    return count;
}

void bench_assert_last(const struct bench *bench, int64_t instruction, int32_t attempt, enum report_state state,
                       const char *code)
{
    struct report report = bench_last_report(bench);
    assert_int_equal(report.instruction, instruction);
    assert_int_equal(report.attempt, attempt);
    assert_string_equal(report_state_name(report.state), report_state_name(state));
    assert_string_equal(report.code, code);
}
