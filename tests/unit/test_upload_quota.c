#include "orchestrator/intake/upload_quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UPLOADS = 2, DAILY = 1000, MANY = 300 };

#define DAY_MS INT64_C(86400000)

static struct tc_fault fault;

static enum tc_error begin(struct upload_quota *quota, const char *person, int64_t size_bytes, int64_t now_ms)
{
    return upload_quota_begin(quota, person, size_bytes, now_ms, &fault);
}

static void upload(struct upload_quota *quota, const char *person, size_t length, int64_t now_ms)
{
    assert_int_equal(begin(quota, person, (int64_t)length, now_ms), TC_OK);
    upload_quota_count(quota, person, length, now_ms);
    upload_quota_end(quota, person);
}

static void what_a_person_uploaded_is_forgotten_over_a_day(void **state)
{
    (void)state;
    struct upload_quota *quota = upload_quota_open(UPLOADS, DAILY);
    upload(quota, "ann", DAILY, 0);
    assert_int_equal(begin(quota, "ann", 500, DAY_MS / 4), TC_BUSY);
    assert_string_equal(fault.text,
                        "ann has uploaded too much of 1000 bytes a day (artifacts.daily_limit); wait 361 minutes");
    upload(quota, "bea", DAILY, DAY_MS / 4);
    upload(quota, "ann", 500, DAY_MS / 2);
    assert_int_equal(begin(quota, "ann", 1, DAY_MS / 2), TC_BUSY);
    upload(quota, "ann", DAILY, DAY_MS * 2);
    upload_quota_close(quota);
}

static void an_announced_length_uses_nothing_and_received_bytes_do(void **state)
{
    (void)state;
    struct upload_quota *quota = upload_quota_open(UPLOADS, DAILY);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(begin(quota, "ann", DAILY, 0), TC_OK);
        upload_quota_end(quota, "ann");
    }
    assert_int_equal(begin(quota, "ann", DAILY, 0), TC_OK);
    upload_quota_count(quota, "ann", 100, 0);
    upload_quota_end(quota, "ann");
    assert_int_equal(begin(quota, "ann", DAILY, 0), TC_BUSY);
    upload_quota_close(quota);
}

static void more_than_a_day_s_bytes_at_once_are_refused_with_the_setting(void **state)
{
    (void)state;
    struct upload_quota *quota = upload_quota_open(UPLOADS, DAILY);
    assert_int_equal(begin(quota, "ann", DAILY + 1, 0), TC_BUSY);
    assert_string_equal(fault.text, "a person may upload 1000 bytes in a day (artifacts.daily_limit)");
    upload_quota_close(quota);
}

static void the_person_who_used_least_is_forgotten_first(void **state)
{
    (void)state;
    struct upload_quota *quota = upload_quota_open(UPLOADS, DAILY);
    char name[16];
    upload(quota, "ann", DAILY, 0);
    assert_int_equal(begin(quota, "bea", 1, 0), TC_OK);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        upload(quota, name, 1, 0);
    }
    assert_int_equal(begin(quota, "ann", 1, 0), TC_BUSY);
    upload_quota_end(quota, "bea");
    upload_quota_close(quota);
}

static void when_all_places_have_uploads_another_person_waits(void **state)
{
    (void)state;
    struct upload_quota *quota = upload_quota_open(UPLOADS, DAILY);
    char name[16];
    int begun = 0;
    enum tc_error error = TC_OK;
    while (begun < MANY && error == TC_OK) {
        (void)snprintf(name, sizeof name, "p%d", begun);
        error = begin(quota, name, 1, 0);
        begun += error == TC_OK;
    }
    assert_int_equal(error, TC_BUSY);
    assert_non_null(strstr(fault.text, "people upload at the same time"));
    upload_quota_end(quota, "p0");
    assert_int_equal(begin(quota, name, 1, 0), TC_OK);
    upload_quota_close(quota);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_person_uploaded_is_forgotten_over_a_day),
        cmocka_unit_test(an_announced_length_uses_nothing_and_received_bytes_do),
        cmocka_unit_test(more_than_a_day_s_bytes_at_once_are_refused_with_the_setting),
        cmocka_unit_test(the_person_who_used_least_is_forgotten_first),
        cmocka_unit_test(when_all_places_have_uploads_another_person_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
