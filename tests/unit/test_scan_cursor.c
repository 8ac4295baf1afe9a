#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/scheduler/scan_cursor.h"

enum { BATCH = 1000 };

static struct claim_result found(size_t count, int64_t instruction)
{
    return (struct claim_result){.count = count, .place = {1, 10, instruction}, .has_more = instruction != 0};
}

static struct scan_cursor *begin(struct buffer *cursors, int64_t rollout)
{
    const struct running_rollout running = {.id = rollout};
    scan_cursor_begin_turns(cursors, &running, 1, BATCH);
    return (void *)cursors->bytes;
}

/* Scans until the turn ends, and finds nothing. Returns the number of scans. */
static int look_in_vain(struct scan_cursor *cursor, int64_t *instruction)
{
    for (int looks = 1;; looks++) {
        const struct claim_result nothing = found(0, *instruction += cursor->rows);
        if (scan_cursor_note(cursor, &nothing, BATCH) == SCAN_CURSOR_DONE)
            return looks;
    }
}

static void a_look_goes_on_where_the_one_before_ended(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    struct scan_cursor *cursor = begin(&cursors, 7);
    assert_int_equal(cursor->next.instruction, 0);
    const struct claim_result full = found(BATCH, 1500);
    assert_int_equal(scan_cursor_note(cursor, &full, BATCH), SCAN_CURSOR_ON);
    assert_int_equal(cursor->next.group, 1);
    assert_int_equal(cursor->next.due_us, 10);
    assert_int_equal(cursor->next.instruction, 1500);
    buffer_free(&cursors);
}

static void what_cannot_start_is_gone_through_bit_by_bit_from_turn_to_turn(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    int64_t reached = 0;
    int looks = look_in_vain(begin(&cursors, 7), &reached);
    assert_in_range(looks, 2, 10);

    struct scan_cursor *cursor = begin(&cursors, 7);
    assert_int_equal(cursor->next.instruction, 0); /* first the front */
    const struct claim_result front = found(0, cursor->rows);
    assert_int_equal(scan_cursor_note(cursor, &front, BATCH), SCAN_CURSOR_ON);
    assert_int_equal(cursor->next.instruction, reached); /* then the rows behind those that were scanned before */
    buffer_free(&cursors);
}

static void after_the_last_that_is_due_comes_the_front_again(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    int64_t reached = 0;
    (void)look_in_vain(begin(&cursors, 7), &reached);
    struct scan_cursor *cursor = begin(&cursors, 7);
    const struct claim_result front = found(0, 100), last = found(5, 0);
    assert_int_equal(scan_cursor_note(cursor, &front, BATCH), SCAN_CURSOR_ON);
    assert_int_equal(scan_cursor_note(cursor, &last, BATCH), SCAN_CURSOR_DONE);

    cursor = begin(&cursors, 7);
    assert_int_equal(scan_cursor_note(cursor, &front, BATCH), SCAN_CURSOR_ON);
    assert_int_equal(cursor->next.instruction, 100);
    buffer_free(&cursors);
}

static void more_is_looked_at_while_little_is_found_but_never_without_bound(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    struct scan_cursor *cursor = begin(&cursors, 7);
    int64_t before = cursor->rows;
    const struct claim_result few = found(BATCH / 4, 500), full = found(BATCH, 500);
    (void)scan_cursor_note(cursor, &few, BATCH);
    assert_true(cursor->rows > before);
    for (int i = 0; i < 50; i++)
        (void)scan_cursor_note(cursor, &few, BATCH);
    assert_in_range(cursor->rows, 2 * BATCH, 10 * BATCH);
    for (int i = 0; i < 50; i++)
        (void)scan_cursor_note(cursor, &full, BATCH);
    assert_int_equal(cursor->rows, before);
    buffer_free(&cursors);
}

static void a_rollout_with_much_to_claim_lets_the_others_have_their_turn(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    struct scan_cursor *cursor = begin(&cursors, 7);
    const struct claim_result full = found(BATCH, 500);
    int looks = 1;
    while (scan_cursor_note(cursor, &full, BATCH) == SCAN_CURSOR_ON)
        looks++;
    assert_in_range(looks, 2, 100);
    buffer_free(&cursors);
}

static void a_rate_that_is_used_up_does_not_lose_the_place(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    int64_t reached = 0;
    (void)look_in_vain(begin(&cursors, 7), &reached);
    struct scan_cursor *cursor = begin(&cursors, 7);
    const struct claim_result used_up = {.rate_is_used_up = true};
    assert_int_equal(scan_cursor_note(cursor, &used_up, BATCH), SCAN_CURSOR_DONE);
    cursor = begin(&cursors, 7);
    assert_int_equal(cursor->deep.instruction, reached);
    buffer_free(&cursors);
}

static void a_rollout_that_does_not_run_any_more_is_forgotten(void **state)
{
    (void)state;
    struct buffer cursors = {0};
    int64_t reached = 0;
    (void)look_in_vain(begin(&cursors, 7), &reached);
    (void)begin(&cursors, 8);
    assert_int_equal(cursors.length, sizeof(struct scan_cursor));
    assert_int_equal(begin(&cursors, 7)->deep.instruction, 0);
    buffer_free(&cursors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_goes_on_where_the_one_before_ended),
        cmocka_unit_test(what_cannot_start_is_gone_through_bit_by_bit_from_turn_to_turn),
        cmocka_unit_test(after_the_last_that_is_due_comes_the_front_again),
        cmocka_unit_test(more_is_looked_at_while_little_is_found_but_never_without_bound),
        cmocka_unit_test(a_rollout_with_much_to_claim_lets_the_others_have_their_turn),
        cmocka_unit_test(a_rate_that_is_used_up_does_not_lose_the_place),
        cmocka_unit_test(a_rollout_that_does_not_run_any_more_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
