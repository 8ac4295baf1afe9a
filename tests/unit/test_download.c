#include "base/file.h"
#include "tests/unit/download_site.h"

#include <string.h>
#include <sys/stat.h>

static void a_whole_artifact_is_fetched_once(void **state)
{
    struct fixture *fixture = *state;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_string_equal(fixture->ranges[0], "");
    site_run(fixture, "");
    assert_int_equal(fixture->requests, 1);
}

static void a_broken_download_goes_on_where_it_broke(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_int_equal(fixture->requests, 2);
    assert_string_equal(fixture->ranges[1], "bytes=150000-");
    assert_string_equal(fixture->if_ranges[1], "\"v1\"");
}

static void a_later_run_resumes_what_an_earlier_one_left(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = ERROR_404;
    site_run(fixture, "download_failed");
    assert_true(site_has_left(fixture, ".part"));
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_string_equal(fixture->ranges[2], "bytes=150000-");
    assert_string_equal(fixture->if_ranges[2], "\"v1\"");
}

static void a_server_that_sends_all_again_is_taken_from_the_start(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = IGNORE_RANGE;
    site_run(fixture, "");
    site_check_whole(fixture);
}

static void a_range_that_was_not_asked_for_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = WRONG_RANGE;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_int_equal(fixture->requests, 3);
    assert_string_equal(fixture->ranges[2], ""); /* it may do without ranges */
}

static void connections_that_bring_bytes_are_not_counted_against_the_tries(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 6; i++)
        fixture->plan[i] = BREAK_HALF_WAY;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_int_equal(fixture->requests, 7);
}

static void what_a_server_without_ranges_sends_again_is_no_progress(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FAULTS_MAX; i++)
        fixture->plan[i] = IGNORE_RANGE_AND_BREAK;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 4); /* the first connection brought bytes */
}

static void a_byte_now_and_then_is_no_progress(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FAULTS_MAX; i++)
        fixture->plan[i] = DRIP;
    fixture->request.limits.stall_ms = 1000;
    fixture->request.limits.min_rate = 1000;
    fixture->request.limits.tries = 2;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 2);
}

static void a_download_ends_when_its_time_is_over(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FAULTS_MAX; i++)
        fixture->plan[i] = DRIP;
    fixture->request.time_left_ms = 1500;
    site_run(fixture, "download_timeout");
    assert_int_equal(fixture->requests, 1);
    assert_true(site_has_left(fixture, ".part"));
    fixture->request.time_left_ms = 60000;
    fixture->request.limits.longest_ms = 3000;
    fixture->request.limits.backoff_first_ms = fixture->request.limits.backoff_longest_ms = 30000;
    fixture->plan[1] = ERROR_503;
    site_run(fixture, "download_timeout");
    assert_int_equal(fixture->requests, 2);
}

static void the_page_of_an_error_is_not_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = ENDLESS_ERROR;
    site_run(fixture, "");
    site_check_whole(fixture);
}

static void a_server_in_trouble_is_tried_again_and_given_up(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < FAULTS_MAX; i++)
        fixture->plan[i] = ERROR_503;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 3);
    assert_string_equal(fixture->result.detail, "the server answered 503");
}

static void what_is_not_there_is_not_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = ERROR_404;
    site_run(fixture, "download_failed");
    assert_int_equal(fixture->requests, 1);
}

static void a_wrong_digest_gets_one_fresh_try(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = CHANGED;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_string_equal(fixture->ranges[1], "");
}

static void a_wrong_digest_twice_is_a_failure_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = CHANGED;
    fixture->plan[1] = CHANGED;
    site_run(fixture, "digest_mismatch");
    assert_int_equal(fixture->requests, 2);
    assert_false(site_has_left(fixture, ""));
    assert_false(site_has_left(fixture, ".part"));
}

static void more_bytes_than_ordered_are_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct stat part;
    char path[PATH_MAX + SHA256_HEX_SIZE + 8];
    fixture->plan[0] = LONGER;
    site_run(fixture, "size_mismatch");
    (void)snprintf(path, sizeof path, "%s/%s.part", fixture->artifacts, fixture->sha256);
    assert_true(stat(path, &part) != 0 || part.st_size <= SIZE);
}

static void fewer_bytes_than_ordered_are_a_failure(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = SHORTER;
    site_run(fixture, "size_mismatch");
}

static void a_body_without_a_length_that_ends_early_was_cut(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = SHORTER_WITHOUT_LENGTH;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_string_equal(fixture->ranges[1], "bytes=150000-");
}

static void a_part_of_the_range_that_was_asked_for_is_gone_on_from(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan[0] = BREAK_HALF_WAY;
    fixture->plan[1] = PART_OF_RANGE;
    site_run(fixture, "");
    site_check_whole(fixture);
    assert_string_equal(fixture->ranges[2], "bytes=225000-");
}

static void an_artifact_over_the_device_s_limit_is_not_begun(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.limits.max_bytes = SIZE - 1;
    site_run(fixture, "artifact_too_large");
    assert_int_equal(fixture->requests, 0);
}

static void an_artifact_that_the_disk_has_no_space_for_is_not_begun(void **state)
{
    struct fixture *fixture = *state;
    fixture->request.limits.max_bytes = INT64_MAX;
    fixture->request.size_bytes = INT64_C(1) << 55;
    site_run(fixture, "disk_full");
    assert_int_equal(fixture->requests, 0);
}

static void a_stop_is_obeyed(void **state)
{
    struct fixture *fixture = *state;
    static const atomic_bool stop = true;
    fixture->request.stop = &stop;
    site_run(fixture, "agent_stopped");
}

static void only_the_artifact_in_use_is_kept(void **state)
{
    struct fixture *fixture = *state;
    char other[PATH_MAX + SHA256_HEX_SIZE + 8];
    site_run(fixture, "");
    (void)snprintf(other, sizeof other, "%s/%064d.part", fixture->artifacts, 0);
    assert_int_equal(file_replace(other, "x", 1, 0600, NULL), TC_OK);
    download_keep_only(fixture->artifacts, fixture->sha256);
    assert_true(site_has_left(fixture, ""));
    assert_int_not_equal(access(other, F_OK), 0);
    download_keep_only(fixture->artifacts, "");
    assert_false(site_has_left(fixture, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(a_whole_artifact_is_fetched_once),
        SITE_TEST(a_broken_download_goes_on_where_it_broke),
        SITE_TEST(a_later_run_resumes_what_an_earlier_one_left),
        SITE_TEST(a_server_that_sends_all_again_is_taken_from_the_start),
        SITE_TEST(a_range_that_was_not_asked_for_is_not_written),
        SITE_TEST(connections_that_bring_bytes_are_not_counted_against_the_tries),
        SITE_TEST(what_a_server_without_ranges_sends_again_is_no_progress),
        SITE_TEST(a_byte_now_and_then_is_no_progress),
        SITE_TEST(a_download_ends_when_its_time_is_over),
        SITE_TEST(the_page_of_an_error_is_not_read_to_its_end),
        SITE_TEST(a_body_without_a_length_that_ends_early_was_cut),
        SITE_TEST(a_part_of_the_range_that_was_asked_for_is_gone_on_from),
        SITE_TEST(a_server_in_trouble_is_tried_again_and_given_up),
        SITE_TEST(what_is_not_there_is_not_asked_for_again),
        SITE_TEST(a_wrong_digest_gets_one_fresh_try),
        SITE_TEST(a_wrong_digest_twice_is_a_failure_and_leaves_nothing),
        SITE_TEST(more_bytes_than_ordered_are_not_taken),
        SITE_TEST(fewer_bytes_than_ordered_are_a_failure),
        SITE_TEST(an_artifact_over_the_device_s_limit_is_not_begun),
        SITE_TEST(an_artifact_that_the_disk_has_no_space_for_is_not_begun),
        SITE_TEST(a_stop_is_obeyed),
        SITE_TEST(only_the_artifact_in_use_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
