#include "orchestrator/intake/standing_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { ASKED_MS = 5000, MANY = 20000 };

static struct device_peer peer_of(const char *device, int serial)
{
    struct device_peer peer = {.not_before_ms = 7};
    (void)snprintf(peer.device, sizeof peer.device, "%s", device);
    (void)snprintf(peer.serial, sizeof peer.serial, "%X", (unsigned)serial);
    return peer;
}

static void an_answer_counts_for_a_second(void **state)
{
    (void)state;
    struct standing_cache *cache = standing_cache_open();
    const struct device_peer peer = peer_of("A1", 1);
    enum enrolment_standing standing;
    assert_false(standing_cache_find(cache, &peer, ASKED_MS, &standing));
    standing_cache_put(cache, &peer, ASKED_MS, ENROLMENT_GOOD);
    assert_true(standing_cache_find(cache, &peer, ASKED_MS + STANDING_FRESH_MS, &standing));
    assert_int_equal(standing, ENROLMENT_GOOD);
    assert_false(standing_cache_find(cache, &peer, ASKED_MS + STANDING_FRESH_MS + 1, &standing));
    standing_cache_close(cache);
}

static void an_answer_is_for_one_certificate_of_one_device(void **state)
{
    (void)state;
    struct standing_cache *cache = standing_cache_open();
    const struct device_peer peer = peer_of("A1", 1), other_device = peer_of("A2", 1), other_serial = peer_of("A1", 2);
    struct device_peer other_begin = peer;
    enum enrolment_standing standing;
    other_begin.not_before_ms++;
    standing_cache_put(cache, &peer, ASKED_MS, ENROLMENT_GOOD);
    assert_false(standing_cache_find(cache, &other_device, ASKED_MS, &standing));
    assert_false(standing_cache_find(cache, &other_serial, ASKED_MS, &standing));
    assert_false(standing_cache_find(cache, &other_begin, ASKED_MS, &standing));
    standing_cache_close(cache);
}

static void a_late_answer_does_not_replace_one_that_was_asked_for_after_it(void **state)
{
    (void)state;
    struct standing_cache *cache = standing_cache_open();
    const struct device_peer peer = peer_of("A1", 1);
    enum enrolment_standing standing;
    standing_cache_put(cache, &peer, ASKED_MS, ENROLMENT_REVOKED);
    standing_cache_put(cache, &peer, ASKED_MS - 1, ENROLMENT_GOOD);
    assert_true(standing_cache_find(cache, &peer, ASKED_MS, &standing));
    assert_int_equal(standing, ENROLMENT_REVOKED);
    standing_cache_close(cache);
}

static void a_full_table_forgets_old_answers_and_keeps_the_newest(void **state)
{
    (void)state;
    struct standing_cache *cache = standing_cache_open();
    enum enrolment_standing standing;
    int found = 0;
    for (int i = 0; i < MANY; i++) {
        const struct device_peer peer = peer_of("A1", i);
        standing_cache_put(cache, &peer, ASKED_MS + i, ENROLMENT_GOOD);
        assert_true(standing_cache_find(cache, &peer, ASKED_MS + i, &standing));
    }
    for (int i = 0; i < MANY; i++) {
        const struct device_peer peer = peer_of("A1", i);
        found += standing_cache_find(cache, &peer, ASKED_MS + i, &standing);
    }
    assert_in_range(found, 1, MANY / 4);
    standing_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_counts_for_a_second),
        cmocka_unit_test(an_answer_is_for_one_certificate_of_one_device),
        cmocka_unit_test(a_late_answer_does_not_replace_one_that_was_asked_for_after_it),
        cmocka_unit_test(a_full_table_forgets_old_answers_and_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
