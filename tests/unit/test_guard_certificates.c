/* Certificates that stop being good, at the broker's guard: without a broker, and by a clock of the test. */
#include "guard/guard.h"
#include "topics/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROOT "tc/v1"

enum { REVOKED_S = 1000, LONG_S = 100000 };

/* The second 1000 is 00:16:40. */
static const char fleet[] =
    "{\"version\":1,\"generation\":\"g\",\"sequence\":1,\"table\":\"whole\",\"devices\":["
    "{\"id\":\"A1\",\"branch\":\"B1\",\"role\":\"atm\",\"revoked_at\":\"1970-01-01T00:16:40Z\"},"
    "{\"id\":\"A2\",\"branch\":\"B1\",\"role\":\"atm\"}]}";

struct bench {
    struct guard *guard;
    struct buffer gone; /* what was disconnected: "A1 expired;" */
};

static enum tc_error take(struct bench *bench, const char *text)
{
    struct tc_fault fault;
    return guard_take_directory(bench->guard, text, strlen(text), &fault);
}

static struct bench opened(bool enforces)
{
    struct guard_config config = guard_defaults(ROOT);
    config.enforces = enforces;
    struct bench bench = {.guard = guard_open(&config)};
    assert_int_equal(take(&bench, fleet), TC_OK);
    return bench;
}

static void close_bench(struct bench *bench)
{
    guard_close(bench->guard);
    buffer_free(&bench->gone);
}

static enum denial connect_as(struct bench *bench, enum identity_kind kind, const char *id, int64_t not_before_s,
                              int64_t not_after_s)
{
    struct guard_client client = {.identity = {.kind = kind},
                                  .client = id,
                                  .client_id = id,
                                  .serial = "0a",
                                  .not_before_s = not_before_s,
                                  .not_after_s = not_after_s,
                                  .is_bound = true};
    (void)snprintf(client.identity.id, sizeof client.identity.id, "%s", id);
    return guard_connect(bench->guard, &client, 0);
}

static enum denial connected(struct bench *bench, const char *id, int64_t not_before_s, int64_t not_after_s)
{
    return connect_as(bench, IDENTITY_DEVICE, id, not_before_s, not_after_s);
}

static void collect(void *context, const struct unwanted *unwanted)
{
    buffer_format(context, "%s %s;", unwanted->client_id, denial_name(unwanted->denial));
}

/* Who is to be disconnected at this second. */
static const char *gone(struct bench *bench, int64_t now_s)
{
    buffer_clear(&bench->gone);
    guard_end_expired(bench->guard, now_s * 1000);
    guard_visit_unwanted(bench->guard, collect, &bench->gone);
    return buffer_text(&bench->gone);
}

static bool shows(const struct bench *bench, const char *text)
{
    struct buffer status = {0};
    guard_write_status(bench->guard, 0, 0, &status);
    bool is_shown = strstr(status.bytes, text) != NULL;
    buffer_free(&status);
    return is_shown;
}

static void a_revocation_covers_what_begins_no_later_than_its_second(void **state)
{
    (void)state;
    assert_true(revocation_covers(REVOKED_S, REVOKED_S - 1));
    assert_true(revocation_covers(REVOKED_S, REVOKED_S));
    assert_false(revocation_covers(REVOKED_S, revocation_next_s(REVOKED_S)));
    assert_int_equal(revocation_next_s(REVOKED_S), REVOKED_S + 1);
    /* A device that was never revoked, and certificates as old as the epoch. */
    assert_false(revocation_covers(0, 0));
    assert_false(revocation_covers(0, -1));
}

static void a_certificate_that_began_before_the_devices_revocation_does_not_connect(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    assert_int_equal(connected(&bench, "A1", REVOKED_S - 1, LONG_S), DENIAL_REVOKED);
    assert_int_equal(connected(&bench, "A1", REVOKED_S, LONG_S), DENIAL_REVOKED);
    assert_int_equal(connected(&bench, "A1", REVOKED_S + 1, LONG_S), DENIAL_NONE);
    assert_int_equal(connected(&bench, "A2", 1, LONG_S), DENIAL_NONE);
    /* The time is the device's: an operator of this name is another identity. */
    assert_int_equal(connect_as(&bench, IDENTITY_OPERATOR, "A3", 1, LONG_S), DENIAL_NONE);
    close_bench(&bench);
}

static void a_revocation_ends_the_connections_that_it_covers_and_no_others(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    assert_int_equal(connected(&bench, "A1", REVOKED_S + 1, LONG_S), DENIAL_NONE);
    assert_int_equal(connected(&bench, "A2", REVOKED_S + 1, LONG_S), DENIAL_NONE);
    static const char change[] = "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"devices\":[{\"id\":\"A2\","
                                 "\"branch\":\"B1\",\"role\":\"atm\",\"revoked_at\":\"1970-01-01T00:16:41Z\"}]}";
    assert_int_equal(take(&bench, change), TC_OK);
    assert_string_equal(gone(&bench, REVOKED_S), "A2 revoked;");
    assert_true(shows(&bench, "\"denied\":{\"revoked\":1}"));
    close_bench(&bench);
}

static void the_table_is_kept_with_its_revocations(void **state)
{
    (void)state;
    struct bench bench = opened(true), other = opened(true);
    struct buffer saved = {0};
    struct tc_fault fault;
    guard_write_directory(bench.guard, &saved);
    assert_non_null(strstr(saved.bytes, "\"revoked_at\":\"1970-01-01T00:16:40Z\""));
    assert_int_equal(take(&other, "{\"version\":1,\"generation\":\"h\",\"sequence\":1,\"table\":\"whole\"}"), TC_OK);
    assert_int_equal(connected(&other, "A1", REVOKED_S, LONG_S), DENIAL_NONE); /* a table of before has no times */
    assert_int_equal(guard_read_directory(other.guard, saved.bytes, saved.length, &fault), TC_OK);
    assert_int_equal(connected(&other, "A1", REVOKED_S, LONG_S), DENIAL_REVOKED);
    buffer_free(&saved);
    close_bench(&other);
    close_bench(&bench);
}

static void a_wrong_time_of_a_revocation_is_a_fault_of_the_table(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    static const char *const wrong[] = {"\"yesterday\"", "7", "null", "\"\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[256];
        (void)snprintf(
            text, sizeof text,
            "{\"version\":1,\"generation\":\"g\",\"sequence\":2,\"devices\":[{\"id\":\"A2\",\"role\":\"pull\","
            "\"revoked_at\":%s}]}",
            wrong[i]);
        assert_int_equal(take(&bench, text), TC_INVALID);
    }
    close_bench(&bench);
}

static void a_connection_ends_in_the_second_in_which_its_certificate_does(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    (void)connected(&bench, "A1", REVOKED_S + 1, 5000);
    (void)connected(&bench, "A2", 1, 4000);
    (void)connect_as(&bench, IDENTITY_OPERATOR, "alice", 1, 6000);
    (void)connect_as(&bench, IDENTITY_ORCHESTRATOR, "central", 1, 6000);
    assert_string_equal(gone(&bench, 3999), "");
    assert_string_equal(gone(&bench, 4000), "A2 expired;");
    assert_string_equal(gone(&bench, 4999), "");
    assert_string_equal(gone(&bench, 5500), "A1 expired;");
    guard_disconnect(bench.guard, "operator:alice", "alice", 0);
    assert_string_equal(gone(&bench, 9000), "central expired;");
    assert_string_equal(gone(&bench, LONG_S), "");
    assert_true(shows(&bench, "\"denied\":{\"expired\":3}"));
    close_bench(&bench);
}

static struct guard_client resumed(const char *id, int64_t not_after_s, int64_t connects_s)
{
    struct guard_client client = {.identity = {.kind = IDENTITY_DEVICE},
                                  .client = id,
                                  .client_id = id,
                                  .serial = "0b",
                                  .not_before_s = REVOKED_S + 1,
                                  .not_after_s = not_after_s,
                                  .connects_s = connects_s,
                                  .is_bound = true};
    (void)snprintf(client.identity.id, sizeof client.identity.id, "%s", id);
    return client;
}

static void a_certificate_that_has_expired_does_not_connect_and_takes_no_connection_over(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    const struct guard_client last = resumed("A2", 4000, 3999), late = resumed("A2", 4000, 4000);
    assert_int_equal(guard_connect(bench.guard, &last, 0), DENIAL_NONE);
    (void)connected(&bench, "A2", 3000, 9000); /* by a renewed one */
    assert_int_equal(guard_connect(bench.guard, &late, 0), DENIAL_EXPIRED);
    assert_true(guard_is_connected(bench.guard, "A2", "A2"));
    assert_string_equal(gone(&bench, 4000), "");
    assert_true(shows(&bench, "\"denied\":{\"expired\":1}"));
    close_bench(&bench);
}

static void in_report_mode_a_certificate_that_has_expired_connects_and_is_counted_once(void **state)
{
    (void)state;
    struct bench bench = opened(false);
    const struct guard_client late = resumed("A2", 4000, 4001);
    assert_int_equal(guard_connect(bench.guard, &late, 0), DENIAL_EXPIRED);
    assert_true(guard_is_connected(bench.guard, "A2", "A2"));
    assert_string_equal(gone(&bench, 4001), "");
    assert_true(shows(&bench, "\"denied\":{\"expired\":1}"));
    close_bench(&bench);
}

static void a_connection_by_a_renewed_certificate_goes_on(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    (void)connected(&bench, "A1", REVOKED_S + 1, 5000);
    (void)connected(&bench, "A1", 4000, 9000); /* takes its own over */
    assert_string_equal(gone(&bench, 5000), "");
    assert_string_equal(gone(&bench, 9000), "A1 expired;");
    close_bench(&bench);
}

static void a_connection_without_a_certificate_does_not_expire(void **state)
{
    (void)state;
    struct bench bench = opened(true);
    const struct guard_client bare = {.identity = {.kind = IDENTITY_DEVICE, .id = "A1"},
                                      .client = "a",
                                      .client_id = "A1",
                                      .serial = "",
                                      .is_bound = true};
    assert_int_equal(guard_connect(bench.guard, &bare, 0), DENIAL_NONE); /* nor is it revoked */
    (void)connected(&bench, "A2", 1, 4000);
    assert_string_equal(gone(&bench, LONG_S), "A2 expired;");
    close_bench(&bench);
}

static void in_report_mode_each_end_is_counted_and_listed_once(void **state)
{
    (void)state;
    struct bench bench = opened(false);
    (void)connected(&bench, "A2", 1, 4000);
    assert_string_equal(gone(&bench, 4000), "A2 expired;");
    (void)connected(&bench, "A1", REVOKED_S + 1, 5000);
    assert_string_equal(gone(&bench, 5000), "A1 expired;");
    static const char change[] = "{\"version\":1,\"generation\":\"g\",\"sequence\":%d,\"devices\":[{\"id\":\"A2\","
                                 "\"branch\":\"B1\",\"role\":\"atm\",\"revoked_at\":\"1970-01-01T00:16:41Z\"}]}";
    for (int sequence = 2; sequence < 5; sequence++) {
        char text[256];
        (void)snprintf(text, sizeof text, change, sequence);
        assert_int_equal(take(&bench, text), TC_OK);
        assert_string_equal(gone(&bench, 6000), sequence == 2 ? "A2 revoked;" : "");
    }
    (void)connected(&bench, "A1", REVOKED_S + 1, 7000);
    assert_string_equal(gone(&bench, 7000), "A1 expired;");
    assert_true(shows(&bench, "\"denied\":{\"revoked\":1,\"expired\":3}"));
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revocation_covers_what_begins_no_later_than_its_second),
        cmocka_unit_test(a_certificate_that_began_before_the_devices_revocation_does_not_connect),
        cmocka_unit_test(a_revocation_ends_the_connections_that_it_covers_and_no_others),
        cmocka_unit_test(the_table_is_kept_with_its_revocations),
        cmocka_unit_test(a_wrong_time_of_a_revocation_is_a_fault_of_the_table),
        cmocka_unit_test(a_connection_ends_in_the_second_in_which_its_certificate_does),
        cmocka_unit_test(a_certificate_that_has_expired_does_not_connect_and_takes_no_connection_over),
        cmocka_unit_test(in_report_mode_a_certificate_that_has_expired_connects_and_is_counted_once),
        cmocka_unit_test(a_connection_by_a_renewed_certificate_goes_on),
        cmocka_unit_test(a_connection_without_a_certificate_does_not_expire),
        cmocka_unit_test(in_report_mode_each_end_is_counted_and_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
