#include "base/file.h"
#include "clients/installer/target.h"
#include "tests/unit/temporary_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct temporary_folder folder;
static struct target target;

static int set_up(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    assert_int_equal(chdir(folder.path), 0);
    assert_int_equal(target_open(&target, "atm-app", NULL), TC_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    target_close(&target);
    assert_int_equal(chdir("/"), 0);
    temporary_folder_remove(&folder);
    return 0;
}

static void install(const char *content, const char *version)
{
    struct tc_fault fault;
    assert_int_equal(file_replace("artifact", content, strlen(content), 0600, NULL), TC_OK);
    assert_int_equal(target_install(&target, "artifact", version, NULL, &fault), TC_OK);
}

static void check(const char *content, const char *version)
{
    struct buffer found = {0};
    char found_version[65];
    assert_int_equal(file_read("atm-app", 1000, &found, NULL), TC_OK);
    assert_string_equal(buffer_text(&found), content);
    assert_int_equal(target_version(&target, found_version, sizeof found_version, NULL), TC_OK);
    assert_string_equal(found_version, version);
    buffer_free(&found);
}

static void an_install_replaces_the_file_and_a_rollback_brings_it_back(void **state)
{
    (void)state;
    char version[65];
    assert_int_equal(target_version(&target, version, sizeof version, NULL), TC_NOT_FOUND);
    install("one", "4.7.0");
    check("one", "4.7.0");
    install("two", "4.7.2");
    check("two", "4.7.2");
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("two", "4.7.2");
}

static void a_first_version_cannot_be_rolled_back(void **state)
{
    (void)state;
    struct tc_fault fault;
    install("one", "4.7.0");
    assert_int_equal(target_roll_back(&target, &fault), TC_NOT_FOUND);
    check("one", "4.7.0");
}

static void installing_what_is_there_keeps_the_previous_version(void **state)
{
    (void)state;
    install("one", "4.7.0");
    install("two", "4.7.2");
    install("two", "4.7.2");
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
}

static void a_file_that_was_changed_by_hand_has_no_version(void **state)
{
    (void)state;
    install("one", "4.7.0");
    assert_int_equal(file_replace("atm-app", "xne", 3, 0755, NULL), TC_OK);
    check("xne", TARGET_UNKNOWN_VERSION);
}

static void the_permissions_of_the_file_stay(void **state)
{
    (void)state;
    struct stat found;
    install("one", "4.7.0");
    assert_int_equal(stat("atm-app", &found), 0);
    assert_int_equal(found.st_mode & 07777, 0755);
    assert_int_equal(chmod("atm-app", 0640), 0);
    install("two", "4.7.2");
    assert_int_equal(stat("atm-app", &found), 0);
    assert_int_equal(found.st_mode & 07777, 0640);
}

static mode_t mode_of_target(void)
{
    struct stat found;
    assert_int_equal(lstat("atm-app", &found), 0);
    return found.st_mode & 07777;
}

static void a_new_version_is_not_setuid_unless_it_is_asked_for(void **state)
{
    (void)state;
    install("one", "4.7.0");
    assert_int_equal(chmod("atm-app", 06755), 0);
    target.keeps_setuid = true;
    install("two", "4.7.2");
    assert_int_equal(mode_of_target(), 06755);
    target.keeps_setuid = false;
    install("three", "4.7.3");
    assert_int_equal(mode_of_target(), 0755);
}

static mode_t mode_of_previous(void)
{
    struct stat found;
    assert_int_equal(fstatat(target.folder, target.previous, &found, AT_SYMLINK_NOFOLLOW), 0);
    return found.st_mode & 07777;
}

static void a_replaced_setuid_program_keeps_no_bits_and_a_rollback_brings_none_back(void **state)
{
    (void)state;
    install("one", "4.7.0");
    assert_int_equal(chmod("atm-app", 06755), 0);
    install("two", "4.7.2");
    assert_int_equal(mode_of_previous(), 0755);
    assert_int_equal(chmod("atm-app", 06711), 0);
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
    assert_int_equal(mode_of_target(), 0755);
    assert_int_equal(mode_of_previous(), 0711);
}

static void a_rollback_brings_the_setuid_bits_back_when_it_is_asked_for(void **state)
{
    (void)state;
    install("one", "4.7.0");
    assert_int_equal(chmod("atm-app", 06755), 0);
    target.keeps_setuid = true;
    install("two", "4.7.2");
    assert_int_equal(mode_of_previous(), 06755);
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
    assert_int_equal(mode_of_target(), 06755);
}

static void a_setuid_program_that_was_kept_before_loses_its_bits_at_the_next_action(void **state)
{
    (void)state;
    install("one", "4.7.0");
    install("two", "4.7.2");
    assert_int_equal(fchmodat(target.folder, target.previous, 06755, 0), 0);
    install("two", "4.7.2");
    assert_int_equal(mode_of_previous(), 0755);
    assert_int_equal(fchmodat(target.folder, target.previous, 06755, 0), 0);
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
    assert_int_equal(mode_of_target(), 0755);
}

static void a_setuid_program_stays_whole_until_it_is_replaced(void **state)
{
    (void)state;
    struct tc_fault fault;
    install("one", "4.7.0");
    assert_int_equal(chmod("atm-app", 06755), 0);
    assert_int_equal(target_roll_back(&target, &fault), TC_NOT_FOUND);
    assert_int_equal(target_install(&target, "missing", "4.7.2", NULL, &fault), TC_NOT_FOUND);
    assert_int_equal(linkat(AT_FDCWD, "atm-app", target.folder, target.kept, 0), 0);
    target_close(&target);
    assert_int_equal(target_open(&target, "atm-app", NULL), TC_OK);
    assert_int_equal(mode_of_target(), 06755);
}

/* The next call may be one for the versions, which does not know whether the bits are to be kept. */
static void a_crash_between_the_renames_keeps_the_setuid_bits_for_a_rollback_that_wants_them(void **state)
{
    (void)state;
    install("one", "4.7.0");
    assert_int_equal(chmod("atm-app", 06755), 0);
    assert_int_equal(linkat(AT_FDCWD, "atm-app", target.folder, target.kept, 0), 0);
    assert_int_equal(file_replace("atm-app", "two", 3, 0755, NULL), TC_OK);
    target_close(&target);
    assert_int_equal(target_open(&target, "atm-app", NULL), TC_OK);
    target.keeps_setuid = true;
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
    assert_int_equal(mode_of_target(), 06755);
}

static void no_other_user_reaches_the_kept_files(void **state)
{
    (void)state;
    struct stat found;
    assert_int_equal(stat(".tellercast", &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    assert_int_equal(chmod(".tellercast", 0755), 0);
    target_close(&target);
    assert_int_equal(target_open(&target, "atm-app", NULL), TC_OK);
    assert_int_equal(stat(".tellercast", &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
}

static void the_owner_of_the_file_stays(void **state)
{
    (void)state;
    enum { OTHER_USER = 65534 };
    struct stat found;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    install("one", "4.7.0");
    assert_int_equal(chown("atm-app", OTHER_USER, OTHER_USER), 0);
    target.keeps_setuid = true;
    assert_int_equal(chmod("atm-app", 04755), 0);
    install("two", "4.7.2");
    assert_int_equal(stat("atm-app", &found), 0);
    assert_int_equal(found.st_uid, OTHER_USER);
    assert_int_equal(found.st_gid, OTHER_USER);
    assert_int_equal(mode_of_target(), 04755);
}

static void no_symbolic_link_is_followed(void **state)
{
    (void)state;
    struct tc_fault fault;
    struct buffer found = {0};
    assert_int_equal(file_replace("precious", "precious", 8, 0600, NULL), TC_OK);
    assert_int_equal(symlinkat("../precious", target.folder, target.staged), 0);
    assert_int_equal(symlinkat("../precious", target.folder, ".versions"), 0);
    install("one", "4.7.0");
    check("one", "4.7.0");
    assert_int_equal(unlink("atm-app"), 0);
    assert_int_equal(symlink("precious", "atm-app"), 0);
    assert_int_equal(target_install(&target, "artifact", "4.7.2", NULL, &fault), TC_DENIED);
    assert_string_equal(fault.text, "atm-app: must be a regular file");
    assert_int_equal(unlink("atm-app"), 0);
    assert_int_equal(mkfifo("atm-app", 0600), 0);
    assert_int_equal(target_install(&target, "artifact", "4.7.2", NULL, &fault), TC_DENIED);
    assert_int_equal(file_read("precious", 1000, &found, NULL), TC_OK);
    assert_string_equal(buffer_text(&found), "precious");
    buffer_free(&found);
}

static void a_folder_that_another_user_could_write_to_is_refused(void **state)
{
    (void)state;
    struct target other;
    struct tc_fault fault;
    assert_int_equal(chmod(".tellercast", 0775), 0);
    assert_int_equal(target_open(&other, "atm-app", &fault), TC_DENIED);
    assert_non_null(strstr(fault.text, ".tellercast: must be a folder of the user"));
    assert_int_equal(chmod(".tellercast", 0755), 0);
    assert_int_equal(rename(".tellercast", "elsewhere"), 0);
    assert_int_equal(symlink("elsewhere", ".tellercast"), 0);
    assert_int_equal(target_open(&other, "atm-app", &fault), TC_DENIED);
}

static void an_artifact_that_cannot_be_read_changes_nothing(void **state)
{
    (void)state;
    struct tc_fault fault;
    install("one", "4.7.0");
    assert_int_equal(target_install(&target, "missing", "4.7.2", NULL, &fault), TC_NOT_FOUND);
    assert_int_equal(target_install(&target, ".", "4.7.2", NULL, &fault), TC_UNAVAILABLE);
    check("one", "4.7.0");
}

static void a_crash_between_the_renames_is_finished_by_the_next_call(void **state)
{
    (void)state;
    install("one", "4.7.0");
    install("two", "4.7.2");
    /* As after the first rename of installing a third one. */
    assert_int_equal(linkat(AT_FDCWD, "atm-app", target.folder, target.kept, 0), 0);
    assert_int_equal(file_replace("atm-app", "three", 5, 0755, NULL), TC_OK);
    target_close(&target);
    assert_int_equal(target_open(&target, "atm-app", NULL), TC_OK);
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("two", "4.7.2");
}

static void a_crash_before_the_renames_leaves_the_previous_version(void **state)
{
    (void)state;
    install("one", "4.7.0");
    install("two", "4.7.2");
    assert_int_equal(linkat(AT_FDCWD, "atm-app", target.folder, target.kept, 0), 0);
    target_close(&target);
    assert_int_equal(target_open(&target, "atm-app", NULL), TC_OK);
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("one", "4.7.0");
}

static void only_a_plain_name_is_taken(void **state)
{
    (void)state;
    static const char *const names[] = {"", "../x", "/x", "a/b", ".tellercast", "a b", ".."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct target other;
        assert_int_equal(target_open(&other, names[i], NULL), TC_INVALID);
    }
}

static void only_the_newest_digests_are_kept(void **state)
{
    (void)state;
    struct buffer lines = {0};
    char content[16], version[16];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(content, sizeof content, "content %d", i);
        (void)snprintf(version, sizeof version, "1.%d", i);
        install(content, version);
    }
    check("content 99", "1.99");
    assert_int_equal(target_roll_back(&target, NULL), TC_OK);
    check("content 98", "1.98");
    assert_int_equal(file_read(".tellercast/atm-app.versions", 1 << 20, &lines, NULL), TC_OK);
    size_t count = 0;
    for (size_t i = 0; i < lines.length; i++)
        count += lines.bytes[i] == '\n';
    assert_int_equal(count, 32);
    assert_non_null(strstr(lines.bytes, " 1.68\n"));
    buffer_free(&lines);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_install_replaces_the_file_and_a_rollback_brings_it_back),
        TEST(a_first_version_cannot_be_rolled_back),
        TEST(installing_what_is_there_keeps_the_previous_version),
        TEST(a_file_that_was_changed_by_hand_has_no_version),
        TEST(the_permissions_of_the_file_stay),
        TEST(a_new_version_is_not_setuid_unless_it_is_asked_for),
        TEST(a_replaced_setuid_program_keeps_no_bits_and_a_rollback_brings_none_back),
        TEST(a_rollback_brings_the_setuid_bits_back_when_it_is_asked_for),
        TEST(a_setuid_program_that_was_kept_before_loses_its_bits_at_the_next_action),
        TEST(a_setuid_program_stays_whole_until_it_is_replaced),
        TEST(a_crash_between_the_renames_keeps_the_setuid_bits_for_a_rollback_that_wants_them),
        TEST(no_other_user_reaches_the_kept_files),
        TEST(the_owner_of_the_file_stays),
        TEST(no_symbolic_link_is_followed),
        TEST(a_folder_that_another_user_could_write_to_is_refused),
        TEST(an_artifact_that_cannot_be_read_changes_nothing),
        TEST(a_crash_between_the_renames_is_finished_by_the_next_call),
        TEST(a_crash_before_the_renames_leaves_the_previous_version),
        TEST(only_a_plain_name_is_taken),
        TEST(only_the_newest_digests_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
