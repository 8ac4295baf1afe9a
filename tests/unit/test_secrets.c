#include "base/file.h"
#include "base/process.h"
#include "tests/unit/temporary_folder.h"

#define SETTINGS_STRUCT struct example
struct example {
    char *key_file, *name;
};
#include "config/settings_rows.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct setting rows[] = {
    TEXT("broker.key_file", key_file, "", "A file."),
    TEXT("name", name, "", "No file."),
};
static const struct settings_table table = {rows, sizeof rows / sizeof *rows};

static struct temporary_folder folder;
static char secret[PATH_MAX], settings_file[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "secret", secret);
    (void)temporary_path(&folder, "settings", settings_file);
    assert_int_equal(file_replace(secret, "word\n", 5, 0600, NULL), TC_OK);
    return unsetenv("CREDENTIALS_DIRECTORY");
}

static int tear_down(void **state)
{
    (void)state;
    temporary_folder_remove(&folder);
    return unsetenv("CREDENTIALS_DIRECTORY");
}

static enum tc_error read_secret(struct tc_fault *fault)
{
    struct buffer line = {0};
    enum tc_error error = file_read_secret(secret, 100, &line, fault);
    if (error == TC_OK)
        assert_string_equal(buffer_text(&line), "word");
    buffer_free(&line);
    assert_int_equal(file_check_private(secret, NULL), error);
    return error;
}

static void a_secret_that_others_may_read_or_write_is_refused_with_its_mode(void **state)
{
    (void)state;
    struct tc_fault fault;
    for (unsigned mode = 0; mode <= 0777; mode++) {
        if ((mode & S_IRUSR) == 0)
            continue;
        assert_int_equal(chmod(secret, (mode_t)mode), 0);
        assert_int_equal(read_secret(&fault), (mode & 077) == 0 ? TC_OK : TC_DENIED);
    }
    assert_int_equal(chmod(secret, 0640), 0);
    assert_int_equal(read_secret(&fault), TC_DENIED);
    assert_non_null(strstr(fault.text, "has mode 0640, allowed: 0600 or stricter; run chmod 600"));
    assert_memory_equal(fault.text, secret, strlen(secret));
    assert_null(strstr(fault.text, "word"));
}

static void a_secret_that_is_missing_is_for_its_reader_to_say(void **state)
{
    (void)state;
    struct tc_fault fault;
    assert_int_equal(unlink(secret), 0);
    assert_int_equal(file_check_private(secret, &fault), TC_OK);
    struct buffer content = {0};
    assert_int_equal(file_read_private(secret, 100, &content, &fault), TC_NOT_FOUND);
    buffer_free(&content);
}

static void a_credential_of_systemd_may_be_read_by_its_group_and_by_no_other(void **state)
{
    (void)state;
    struct tc_fault fault;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder.path, 1), 0);
    assert_int_equal(chmod(secret, 0440), 0);
    assert_int_equal(read_secret(&fault), TC_OK);
    assert_int_equal(chmod(secret, 0444), 0);
    assert_int_equal(read_secret(&fault), TC_DENIED);
    assert_int_equal(chmod(secret, 0460), 0);
    assert_int_equal(read_secret(&fault), TC_DENIED);
    assert_int_equal(chmod(secret, 0440), 0);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tm", 1), 0);
    assert_int_equal(read_secret(&fault), TC_DENIED);
}

static enum tc_error load(const char *text, struct example *settings, struct document_faults *faults)
{
    assert_int_equal(file_replace(settings_file, text, strlen(text), 0644, NULL), TC_OK);
    return settings_load(&table, settings_file, settings, faults);
}

static void a_setting_may_name_a_credential(void **state)
{
    (void)state;
    struct example settings;
    struct document_faults faults = {0};
    char expected[PATH_MAX];
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder.path, 1), 0);
    const char *text = "broker: {key_file: \"credential:secret\"}\nname: \"credential:secret\"\n";
    assert_int_equal(load(text, &settings, &faults), TC_OK);
    assert_string_equal(settings.key_file, temporary_path(&folder, "secret", expected));
    assert_string_equal(settings.name, "credential:secret");
    settings_free(&table, &settings);
    document_faults_free(&faults);
}

static void refuse_load(const char *text, const char *reason)
{
    struct example settings;
    struct document_faults faults = {0};
    assert_int_equal(load(text, &settings, &faults), TC_INVALID);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].path, "broker.key_file");
    assert_non_null(strstr(faults.items[0].detail, reason));
    settings_free(&table, &settings);
    document_faults_free(&faults);
}

static void a_credential_that_is_not_given_or_leads_elsewhere_is_refused(void **state)
{
    (void)state;
    refuse_load("broker: {key_file: \"credential:secret\"}\n", "the credential secret is not here");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder.path, 1), 0);
    refuse_load("broker: {key_file: \"credential:../secret\"}\n", "found \"credential:../secret\"");
    refuse_load("broker: {key_file: \"credential:\"}\n", "found \"credential:\"");
}

static void a_process_that_forbids_dumps_cannot_be_dumped(void **state)
{
    (void)state;
    process_forbid_dumps();
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0); /* for the sanitizer */
}

static void no_part_of_the_path_of_a_folder_may_be_a_link(void **state)
{
    (void)state;
    char real[PATH_MAX], inner[PATH_MAX], link[PATH_MAX], through[PATH_MAX];
    assert_int_equal(mkdir(temporary_path(&folder, "real", real), 0700), 0);
    assert_int_equal(mkdir(temporary_path(&folder, "real/inner", inner), 0700), 0);
    assert_int_equal(symlink(real, temporary_path(&folder, "link", link)), 0);
    int opened = file_open_folder(inner);
    assert_true(opened >= 0);
    (void)close(opened);
    assert_int_equal(file_open_folder(link), -1);
    assert_int_equal(file_open_folder(temporary_path(&folder, "link/inner", through)), -1);
    assert_int_equal(file_open_folder(secret), -1);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_secret_that_others_may_read_or_write_is_refused_with_its_mode),
        WITH_FOLDER(a_secret_that_is_missing_is_for_its_reader_to_say),
        WITH_FOLDER(a_credential_of_systemd_may_be_read_by_its_group_and_by_no_other),
        WITH_FOLDER(a_setting_may_name_a_credential),
        WITH_FOLDER(a_credential_that_is_not_given_or_leads_elsewhere_is_refused),
        WITH_FOLDER(no_part_of_the_path_of_a_folder_may_be_a_link),
        cmocka_unit_test(a_process_that_forbids_dumps_cannot_be_dumped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
