#include "base/file.h"
#include "clients/agent/action/journal.h"
#include "tests/unit/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

struct fixture {
    struct temporary_folder folder;
    char path[PATH_MAX];
    struct journal *journal;
};

static void open_journal(struct fixture *fixture)
{
    struct tc_fault fault;
    assert_int_equal(journal_open(fixture->path, &fixture->journal, &fault), TC_OK);
}

/* Simulates kill -9: only the file remains. */
static void open_again(struct fixture *fixture)
{
    journal_close(fixture->journal);
    open_journal(fixture);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    temporary_folder_make(&fixture->folder);
    (void)temporary_path(&fixture->folder, "journal", fixture->path);
    open_journal(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    journal_close(fixture->journal);
    temporary_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static struct journal_entry entry_of(int64_t instruction, enum journal_stage stage)
{
    return (struct journal_entry){.instruction = instruction,
                                  .attempt = 1,
                                  .epoch = 5,
                                  .content = "00112233445566778899aabbccddeeff",
                                  .expires_s = 1800000000,
                                  .stage = stage,
                                  .sequence = 3,
                                  .state = REPORT_FAILED,
                                  .at_ms = 1234,
                                  .code = "installer_exit_3",
                                  .detail = "line \"one\"\n\x01 two"};
}

static void write_entry(struct fixture *fixture, const struct journal_entry *entry)
{
    struct tc_fault fault;
    assert_int_equal(journal_write(fixture->journal, entry, &fault), TC_OK);
}

static int64_t size_of(const struct fixture *fixture)
{
    struct stat state;
    assert_int_equal(stat(fixture->path, &state), 0);
    return state.st_size;
}

static void append(const struct fixture *fixture, const char *text)
{
    int file = open(fixture->path, O_WRONLY | O_APPEND);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(file);
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_ENDED);
    struct journal_high_water_marks high_water_marks = {.epoch = 7, .issued_at_s = 1790000000};
    struct tc_fault fault;
    write_entry(fixture, &entry);
    assert_int_equal(journal_write_high_water_marks(fixture->journal, &high_water_marks, &fault), TC_OK);
    open_again(fixture);

    const struct journal_entry *found = journal_find(fixture->journal, 77);
    assert_non_null(found);
    assert_int_equal(found->attempt, 1);
    assert_int_equal(found->epoch, 5);
    assert_string_equal(found->content, entry.content);
    assert_int_equal(found->expires_s, entry.expires_s);
    assert_int_equal(found->stage, JOURNAL_ENDED);
    assert_int_equal(found->sequence, 3);
    assert_int_equal(found->state, REPORT_FAILED);
    assert_false(found->reported);
    assert_int_equal(found->at_ms, 1234);
    assert_string_equal(found->code, "installer_exit_3");
    assert_string_equal(found->detail, entry.detail);
    assert_int_equal(journal_high_water_marks(fixture->journal).epoch, 7);
    assert_int_equal(journal_high_water_marks(fixture->journal).issued_at_s, 1790000000);
    assert_null(journal_find(fixture->journal, 78));
}

static void what_an_instruction_wanted_is_there_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    const enum journal_stage stages[] = {JOURNAL_RECEIVED, JOURNAL_INTENT, JOURNAL_ENDED};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        struct journal_entry entry = entry_of(77, stages[i]);
        entry.action = ACTION_ROLLBACK;
        (void)snprintf(entry.artifact, sizeof entry.artifact, "atm-app");
        (void)snprintf(entry.version, sizeof entry.version, "4.7.2");
        write_entry(fixture, &entry);
        open_again(fixture);
        const struct journal_entry *found = journal_find(fixture->journal, 77);
        assert_int_equal(found->stage, stages[i]);
        assert_int_equal(found->action, ACTION_ROLLBACK);
        assert_string_equal(found->artifact, "atm-app");
        assert_string_equal(found->version, "4.7.2");
    }
}

static void records_of_earlier_and_of_later_agents_are_no_damage(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, "e4fc2370 {\"record\":\"instruction\",\"instruction\":77,\"attempt\":1,\"epoch\":5,\"order\""
                    ":\"00112233445566778899aabbccddeeff\",\"expires\":1800000000,\"stage\":\"ended\",\"sequenc"
                    "e\":3,\"state\":\"completed\",\"reported\":false,\"at\":1234,\"code\":\"\",\"detail\":\"\""
                    "}\n");
    append(fixture, "bfb23c9c {\"record\":\"instruction\",\"instruction\":78,\"attempt\":1,\"epoch\":5,\"order\""
                    ":\"00112233445566778899aabbccddeeff\",\"expires\":1800000000,\"stage\":\"intent\",\"sequen"
                    "ce\":3,\"action\":\"polish\",\"artifact\":\"atm-app\",\"version\":\"4.7.2\",\"more\":[1]}\n");
    open_again(fixture);
    assert_int_equal(journal_high_water_marks(fixture->journal).forgotten_before_s, 0);
    assert_int_equal(journal_find(fixture->journal, 77)->state, REPORT_COMPLETED);
    assert_string_equal(journal_find(fixture->journal, 77)->artifact, "");
    assert_int_equal(journal_find(fixture->journal, 78)->stage, JOURNAL_INTENT);
    assert_string_equal(journal_find(fixture->journal, 78)->artifact, "");
}

static void the_last_record_of_an_instruction_counts(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_RECEIVED);
    write_entry(fixture, &entry);
    struct journal_entry other = entry_of(78, JOURNAL_RECEIVED);
    write_entry(fixture, &other);
    entry.stage = JOURNAL_INTENT;
    entry.attempt = 2;
    write_entry(fixture, &entry);
    open_again(fixture);
    assert_int_equal(journal_find(fixture->journal, 77)->stage, JOURNAL_INTENT);
    assert_int_equal(journal_find(fixture->journal, 77)->attempt, 2);
    assert_int_equal(journal_at(fixture->journal, 0)->instruction, 77);
    assert_int_equal(journal_at(fixture->journal, 1)->instruction, 78);
    assert_null(journal_at(fixture->journal, 2));
}

static void a_torn_tail_is_cut_and_the_journal_goes_on_behind_it(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_INTENT);
    write_entry(fixture, &entry);
    int64_t whole_bytes = size_of(fixture);
    append(fixture, "1234abcd {\"record\":\"instr");
    open_again(fixture);
    assert_int_equal(size_of(fixture), whole_bytes);
    struct journal_entry next = entry_of(78, JOURNAL_INTENT);
    write_entry(fixture, &next);
    open_again(fixture);
    assert_non_null(journal_find(fixture->journal, 77));
    assert_non_null(journal_find(fixture->journal, 78));
}

static void every_cut_of_the_last_record_leaves_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_INTENT);
    write_entry(fixture, &entry);
    int64_t first_bytes = size_of(fixture);
    entry.stage = JOURNAL_ENDED;
    write_entry(fixture, &entry);
    for (int64_t bytes = size_of(fixture) - 1; bytes >= first_bytes; bytes--) {
        assert_int_equal(truncate(fixture->path, bytes), 0);
        open_again(fixture);
        assert_int_equal(journal_find(fixture->journal, 77)->stage, JOURNAL_INTENT);
        assert_int_equal(size_of(fixture), first_bytes);
    }
}

static int64_t forgotten_before(const struct fixture *fixture)
{
    return journal_high_water_marks(fixture->journal).forgotten_before_s;
}

static void flip_bit(const struct fixture *fixture, int64_t offset, int bit)
{
    unsigned char byte;
    int file = open(fixture->path, O_RDWR);
    assert_int_equal(pread(file, &byte, 1, offset), 1);
    byte = (unsigned char)(byte ^ (1U << bit));
    assert_int_equal(pwrite(file, &byte, 1, offset), 1);
    (void)close(file);
}

static void a_damaged_record_in_the_middle_is_skipped_and_the_rest_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_ENDED);
    write_entry(fixture, &entry);
    entry.instruction = 78;
    write_entry(fixture, &entry);
    struct buffer bytes = {0};
    assert_int_equal(file_read(fixture->path, 65536, &bytes, NULL), TC_OK);
    char *content = strstr(bytes.bytes, entry.content);
    flip_bit(fixture, content - bytes.bytes, 0); /* still good JSON */
    buffer_free(&bytes);
    open_again(fixture);
    assert_null(journal_find(fixture->journal, 77));
    assert_non_null(journal_find(fixture->journal, 78));
    assert_int_equal(forgotten_before(fixture), JOURNAL_ALL_FORGOTTEN);
}

static void no_flipped_bit_of_the_last_record_is_taken_for_a_torn_write(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_RECEIVED);
    write_entry(fixture, &entry);
    int64_t first_bytes = size_of(fixture);
    entry.stage = JOURNAL_INTENT;
    write_entry(fixture, &entry);
    assert_int_equal(forgotten_before(fixture), 0);
    struct buffer bytes = {0};
    assert_int_equal(file_read(fixture->path, 65536, &bytes, NULL), TC_OK);
    for (int64_t offset = first_bytes; offset < (int64_t)bytes.length; offset++) {
        for (int bit = 0; bit < 8; bit++) {
            assert_int_equal(file_replace(fixture->path, bytes.bytes, bytes.length, 0600, NULL), TC_OK);
            flip_bit(fixture, offset, bit);
            open_again(fixture);
            assert_int_equal(forgotten_before(fixture), JOURNAL_ALL_FORGOTTEN);
        }
    }
    buffer_free(&bytes);
}

static void a_doubt_outlives_restarts_and_other_high_water_marks_until_it_is_settled(void **state)
{
    struct fixture *fixture = *state;
    struct tc_fault fault;
    struct journal_entry entry = entry_of(77, JOURNAL_INTENT);
    write_entry(fixture, &entry);
    append(fixture, "00000000 {}\n");
    open_again(fixture);
    struct journal_high_water_marks high_water_marks = journal_high_water_marks(fixture->journal);
    high_water_marks.epoch = 8;
    assert_int_equal(journal_write_high_water_marks(fixture->journal, &high_water_marks, &fault), TC_OK);
    open_again(fixture);
    assert_int_equal(forgotten_before(fixture), JOURNAL_ALL_FORGOTTEN);

    assert_int_equal(journal_settle(fixture->journal, 1790000000, &fault), TC_OK);
    entry.instruction = 78;
    write_entry(fixture, &entry);
    open_again(fixture);
    assert_int_equal(forgotten_before(fixture), 1790000000);
    assert_int_equal(journal_high_water_marks(fixture->journal).epoch, 8);
    assert_non_null(journal_find(fixture->journal, 77));
    assert_non_null(journal_find(fixture->journal, 78));
}

/* Otherwise the next run would take an attempt that only this run knows for new. */
static void settling_writes_what_a_full_disk_kept_from_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct tc_fault fault;
    append(fixture, "00000000 {}\n");
    open_again(fixture);
    struct journal_entry entry = entry_of(77, JOURNAL_ENDED);
    struct rlimit old;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit tight = {.rlim_cur = (rlim_t)size_of(fixture) + 20, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum tc_error written = journal_write(fixture->journal, &entry, &fault);
    enum tc_error settled = journal_settle(fixture->journal, 1790000000, &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_not_equal(written, TC_OK);
    assert_int_not_equal(settled, TC_OK);
    assert_int_equal(forgotten_before(fixture), JOURNAL_ALL_FORGOTTEN);

    assert_int_equal(journal_settle(fixture->journal, 1790000000, &fault), TC_OK);
    open_again(fixture);
    assert_int_equal(forgotten_before(fixture), 1790000000);
    assert_non_null(journal_find(fixture->journal, 77));
}

static void a_full_disk_is_a_fault_and_leaves_the_file_whole(void **state)
{
    struct fixture *fixture = *state;
    struct journal_entry entry = entry_of(77, JOURNAL_RECEIVED);
    struct rlimit old, tight;
    struct tc_fault fault;
    write_entry(fixture, &entry);
    int64_t whole_bytes = size_of(fixture);

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){.rlim_cur = (rlim_t)whole_bytes + 20, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    entry.stage = JOURNAL_INTENT;
    enum tc_error error = journal_write(fixture->journal, &entry, &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);

    assert_int_not_equal(error, TC_OK);
    assert_int_equal(size_of(fixture), whole_bytes);
    open_again(fixture);
    assert_int_equal(journal_find(fixture->journal, 77)->stage, JOURNAL_RECEIVED);
}

static void a_large_journal_is_rewritten_and_forgets_only_what_has_expired(void **state)
{
    enum { RECORDS = 8000, EXPIRED = 1000 };
    struct fixture *fixture = *state;
    struct tc_fault fault;
    struct journal_high_water_marks high_water_marks = {.epoch = 1, .issued_at_s = 1000};
    assert_int_equal(journal_write_high_water_marks(fixture->journal, &high_water_marks, &fault), TC_OK);
    for (int i = 1; i <= RECORDS; i++) {
        struct journal_entry entry = entry_of(i % EXPIRED + 1, i == 1 ? JOURNAL_INTENT : JOURNAL_ENDED);
        entry.expires_s = i < EXPIRED / 2 ? 2000 : 10;
        if (i > EXPIRED)
            entry = entry_of(1000000, JOURNAL_ENDED);
        write_entry(fixture, &entry);
    }
    assert_true(size_of(fixture) < 2 << 20);
    open_again(fixture);
    assert_int_equal(journal_high_water_marks(fixture->journal).issued_at_s, 1000);
    assert_int_equal(journal_find(fixture->journal, 2)->stage, JOURNAL_INTENT);
    assert_non_null(journal_find(fixture->journal, 400));
    assert_null(journal_find(fixture->journal, 520));
    assert_non_null(journal_find(fixture->journal, 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_there_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_an_instruction_wanted_is_there_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_of_earlier_and_of_later_agents_are_no_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_record_of_an_instruction_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_tail_is_cut_and_the_journal_goes_on_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_cut_of_the_last_record_leaves_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_record_in_the_middle_is_skipped_and_the_rest_is_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_flipped_bit_of_the_last_record_is_taken_for_a_torn_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_doubt_outlives_restarts_and_other_high_water_marks_until_it_is_settled,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(settling_writes_what_a_full_disk_kept_from_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_a_fault_and_leaves_the_file_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_journal_is_rewritten_and_forgets_only_what_has_expired, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
