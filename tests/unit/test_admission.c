#include "base/file.h"
#include "clients/agent/privileged/admission.h"
#include "clients/agent/privileged/staging.h"
#include "tests/unit/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CONFIGURE "\"action\":\"configure\",\"parameters\":{}"

static const int64_t now_s = INT64_C(1796400000), boot_ms = 5000;

struct fixture {
    struct temporary_folder folder;
    char journal[PATH_MAX];
    struct signing_key *key;
    struct trusted_keys *trusted;
    struct proof_key proof_key;
    struct admission *admission;
    struct admitted admitted;
    struct install_result result;
};

static struct fixture fixture;

static void open_admission(void)
{
    assert_int_equal(admission_open(fixture.journal, "A7", &fixture.proof_key, &fixture.admission, NULL), TC_OK);
}

static int set_up(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct buffer set = {0};
    fixture = (struct fixture){0};
    temporary_folder_make(&fixture.folder);
    (void)temporary_path(&fixture.folder, "journal", fixture.journal);
    assert_int_equal(signing_key_create(temporary_path(&fixture.folder, "key", path), NULL), TC_OK);
    assert_int_equal(signing_key_open(path, &fixture.key, NULL), TC_OK);
    signing_key_public_set(fixture.key, &set);
    assert_int_equal(trusted_keys_parse(set.bytes, set.length, &fixture.trusted, NULL), TC_OK);
    buffer_free(&set);
    assert_int_equal(proof_key_make(&fixture.proof_key, NULL), TC_OK);
    open_admission();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    instruction_payload_free(&fixture.admitted.payload);
    admission_close(fixture.admission);
    signing_key_close(fixture.key);
    trusted_keys_close(fixture.trusted);
    temporary_folder_remove(&fixture.folder);
    return 0;
}

/* An instruction that answers an ask made `ago_ms` before. */
static bool check_at(int64_t instruction, int64_t issued_at_s, int64_t ago_ms)
{
    struct instruction_payload payload = {
        .device = "A7",
        .instruction = instruction,
        .rollout = 42,
        .attempt = 1,
        .epoch = 5,
        .issued_at_s = issued_at_s,
        .not_before_s = issued_at_s,
        .expires_s = issued_at_s + 3600,
        .start_before_s = issued_at_s + 1800,
    };
    struct buffer token = {0};
    proof_nonce_make(&fixture.proof_key, boot_ms - ago_ms, payload.nonce);
    token_sign(fixture.key, &payload, CONFIGURE, &token);
    instruction_payload_free(&fixture.admitted.payload);
    bool is_admitted = admission_check(fixture.admission, fixture.trusted, buffer_text(&token), NULL, boot_ms,
                                       &fixture.admitted, &fixture.result);
    buffer_free(&token);
    return is_admitted;
}

static void begin(void)
{
    assert_int_equal(admission_begin(fixture.admission, &fixture.admitted, NULL), TC_OK);
}

static void a_nonce_says_its_age_and_cannot_be_made_by_others(void **state)
{
    (void)state;
    char nonce[TC_ID_SIZE];
    int64_t age_ms;
    struct proof_key other;
    proof_nonce_make(&fixture.proof_key, 1000, nonce);
    assert_true(id_is_valid(nonce, strlen(nonce)));
    assert_true(proof_nonce_check(&fixture.proof_key, nonce, 1250, &age_ms));
    assert_int_equal(age_ms, 250);
    assert_false(proof_nonce_check(&fixture.proof_key, nonce, 999, &age_ms));
    assert_int_equal(proof_key_make(&other, NULL), TC_OK);
    assert_false(proof_nonce_check(&other, nonce, 1250, &age_ms));
    for (size_t i = 0; i < strlen(nonce); i++) {
        char was = nonce[i];
        nonce[i] = was == 'A' ? 'B' : 'A';
        assert_false(proof_nonce_check(&fixture.proof_key, nonce, 1250, &age_ms));
        nonce[i] = was;
    }
    assert_false(proof_nonce_check(&fixture.proof_key, "", 1250, &age_ms));
    assert_false(proof_nonce_check(&fixture.proof_key, "AAAA", 1250, &age_ms));
}

static void an_answer_grows_old_with_its_nonce(void **state)
{
    (void)state;
    assert_true(check_at(1, now_s, 0));
    assert_true(check_at(1, now_s, 4000));
    fixture.result = (struct install_result){0};
    struct instruction_payload payload = {.device = "A7",
                                          .instruction = 2,
                                          .rollout = 1,
                                          .attempt = 1,
                                          .issued_at_s = now_s,
                                          .not_before_s = now_s,
                                          .expires_s = now_s + 9,
                                          .start_before_s = now_s + 4};
    struct buffer token = {0};
    proof_nonce_make(&fixture.proof_key, boot_ms, payload.nonce);
    token_sign(fixture.key, &payload, CONFIGURE, &token);
    struct admitted late;
    assert_false(admission_check(fixture.admission, fixture.trusted, buffer_text(&token), NULL, boot_ms + 4000, &late,
                                 &fixture.result));
    assert_string_equal(fixture.result.code, "window_missed");
    buffer_free(&token);
}

static void what_was_begun_before_a_crash_is_never_admitted_again(void **state)
{
    (void)state;
    assert_true(check_at(1, now_s, 0));
    begin();
    admission_close(fixture.admission);
    open_admission();
    assert_false(check_at(1, now_s + 1, 0));
    assert_int_equal(fixture.result.outcome, INSTALL_REJECTED);
    assert_string_equal(fixture.result.code, "already_done");
    assert_true(check_at(2, now_s + 1, 0));
}

static void a_damaged_journal_carries_nothing_out_that_it_may_have_lost(void **state)
{
    (void)state;
    struct buffer content = {0};
    assert_true(check_at(1, now_s, 0));
    begin();
    admission_close(fixture.admission);
    assert_int_equal(file_read(fixture.journal, 65536, &content, NULL), TC_OK);
    content.bytes[content.length / 2] ^= 1;
    assert_int_equal(file_replace(fixture.journal, content.bytes, content.length, 0600, NULL), TC_OK);
    buffer_free(&content);
    open_admission();
    assert_false(check_at(1, now_s + 10, 0));
    assert_string_equal(fixture.result.code, "journal_damaged");
    assert_false(check_at(1, now_s + 10, 0));
    assert_true(check_at(2, now_s + 60, 0));
}

static void a_staging_folder_that_others_may_enter_is_refused(void **state)
{
    (void)state;
    char path[PATH_MAX], file[PATH_MAX];
    int folder = -1;
    struct tc_fault fault;
    assert_int_equal(staging_open(temporary_path(&fixture.folder, "staging", path), &folder, &fault), TC_OK);
    (void)close(folder);
    assert_int_equal(file_replace(temporary_path(&fixture.folder, "staging/left", file), "x", 1, 0600, NULL), TC_OK);
    assert_int_equal(staging_open(path, &folder, &fault), TC_OK);
    (void)close(folder);
    assert_int_not_equal(access(file, F_OK), 0);
    assert_int_equal(chmod(path, 0710), 0);
    assert_int_equal(staging_open(path, &folder, &fault), TC_DENIED);
    (void)close(folder);
}

#define WITH_JOURNAL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JOURNAL(a_nonce_says_its_age_and_cannot_be_made_by_others),
        WITH_JOURNAL(an_answer_grows_old_with_its_nonce),
        WITH_JOURNAL(what_was_begun_before_a_crash_is_never_admitted_again),
        WITH_JOURNAL(a_damaged_journal_carries_nothing_out_that_it_may_have_lost),
        WITH_JOURNAL(a_staging_folder_that_others_may_enter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
