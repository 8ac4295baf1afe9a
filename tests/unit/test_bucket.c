/* The token buckets by which the guard limits what an identity does. */
#include "guard/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    const struct rate rate = {.burst = 3, .per_minute = 60};
    struct bucket bucket = {0};
    int64_t now_ms = 5 * MINUTE_MS;
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&bucket, &rate, now_ms));
    assert_false(bucket_take(&bucket, &rate, now_ms));
    assert_false(bucket_take(&bucket, &rate, now_ms + 999));
    assert_true(bucket_take(&bucket, &rate, now_ms + 1000));
    assert_false(bucket_take(&bucket, &rate, now_ms + 1000));
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&bucket, &rate, now_ms + MINUTE_MS));
    assert_false(bucket_take(&bucket, &rate, now_ms + MINUTE_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
