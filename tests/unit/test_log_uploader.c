/* The logs that wait in a folder, while files cannot be read or removed. The server is this program. */
#include "base/clock.h"
#include "clients/agent/enrolment/device_call.h"
#include "clients/agent/log_uploader.h"
#include "tests/unit/temporary_folder.h"
#include "topics/message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_S = 30, RETRY_LEAST_MS = 500, WATCH_MS = 300, STEP_US = 5000 };

static struct temporary_folder folder;
static struct log_uploader *uploader;
static atomic_int posts, removals;
static atomic_bool cannot_remove;

enum tc_error device_call_run(const struct device_call *call, long *status, struct buffer *answer,
                              struct tc_fault *fault)
{
    (void)call;
    (void)answer;
    (void)fault;
    *status = 201;
    atomic_fetch_add(&posts, 1);
    return TC_OK;
}

/* In place of the system's: its failure does not depend on who runs the test. */
int unlink_or_fail(const char *path) __asm__("unlink");

int unlink_or_fail(const char *path)
{
    atomic_fetch_add(&removals, 1);
    if (!atomic_load(&cannot_remove))
        return unlinkat(AT_FDCWD, path, 0);
    errno = EACCES;
    return -1;
}

static void make_log(int instruction, size_t size)
{
    char path[TEMPORARY_NAME_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/%d.1", folder.path, instruction);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        (void)fputc('x', file);
    assert_int_equal(fclose(file), 0);
}

static int count_logs(void)
{
    int count = 0;
    DIR *opened = opendir(folder.path);
    assert_non_null(opened);
    for (const struct dirent *entry; (entry = readdir(opened)) != NULL;) /* NOLINT(concurrency-mt-unsafe) */
        count += entry->d_name[0] != '.';
    (void)closedir(opened);
    return count;
}

static void open_uploader(void)
{
    const struct log_uploader_config config = {
        .folder = folder.path, .url = "https://server", .ca_file = "", .certificate_file = "", .key_file = ""};
    assert_int_equal(log_uploader_open(&config, &uploader, NULL), TC_OK);
}

static void wait_for_no_logs(void)
{
    while (count_logs() > 0)
        (void)usleep(STEP_US);
}

static int set_up(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    atomic_store(&posts, 0);
    atomic_store(&removals, 0);
    atomic_store(&cannot_remove, false);
    (void)alarm(DEADLINE_S); /* a thread that does not end fails the test */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_uploader_close(uploader);
    uploader = NULL;
    (void)alarm(0);
    temporary_folder_remove(&folder);
    return 0;
}

/* Tries of something come at most as often as the shortest delay lets them. */
static void watch_tries(const atomic_int *tries)
{
    int64_t begin_ms = clock_monotonic_ms();
    while (atomic_load(tries) == 0 || clock_monotonic_ms() - begin_ms < WATCH_MS)
        (void)usleep(STEP_US);
    assert_in_range(atomic_load(tries), 1, 1 + (clock_monotonic_ms() - begin_ms) / RETRY_LEAST_MS);
}

static void a_log_that_cannot_be_removed_is_sent_again_only_after_a_delay(void **state)
{
    (void)state;
    atomic_store(&cannot_remove, true);
    make_log(1, 1);
    open_uploader();
    watch_tries(&posts);
    atomic_store(&cannot_remove, false);
    log_uploader_add(uploader, 2, 1, &(struct buffer){.bytes = "y", .length = 1});
    wait_for_no_logs();
}

static void too_many_logs_that_cannot_be_removed_are_tried_again_later_and_the_agent_can_end(void **state)
{
    (void)state;
    atomic_store(&cannot_remove, true);
    for (int i = 1; i <= LOGS_WAITING_MAX + 2; i++)
        make_log(i, 1);
    open_uploader();
    watch_tries(&removals);
    log_uploader_close(uploader);
    uploader = NULL;
    assert_int_equal(atomic_load(&posts), 0);
    atomic_store(&cannot_remove, false);
    open_uploader();
    wait_for_no_logs();
    assert_int_equal(atomic_load(&posts), LOGS_WAITING_MAX);
}

static void a_log_that_cannot_be_read_now_stays_and_one_that_is_too_large_does_not(void **state)
{
    (void)state;
    char path[TEMPORARY_NAME_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/7.1", folder.path);
    assert_int_equal(symlink("7.1", path), 0); /* to itself */
    make_log(8, INSTALL_LOG_MAX + 1);
    open_uploader();
    int64_t begin_ms = clock_monotonic_ms();
    while (count_logs() > 1 || clock_monotonic_ms() - begin_ms < WATCH_MS)
        (void)usleep(STEP_US);
    struct stat found;
    assert_int_equal(lstat(path, &found), 0);
    assert_int_equal(atomic_load(&posts), 0);
}

#define UPLOADER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPLOADER(a_log_that_cannot_be_removed_is_sent_again_only_after_a_delay),
        UPLOADER(too_many_logs_that_cannot_be_removed_are_tried_again_later_and_the_agent_can_end),
        UPLOADER(a_log_that_cannot_be_read_now_stays_and_one_that_is_too_large_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
