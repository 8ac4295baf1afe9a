#include "orchestrator/recorder/refusal_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 3 };

static struct act unknown(const char *address, const char *name)
{
    struct act act = act_begin_unknown("http", address, name, "submit");
    act_set_refused(&act, ACT_REFUSED, "no credential");
    return act;
}

static struct act known(const char *person, const char *object)
{
    const struct subject subject = {.kind = SUBJECT_PERSON};
    struct act act = act_begin(&subject, ACCESS_OPERATE, "http", "10.0.0.1");
    (void)snprintf(act.person, sizeof act.person, "%s", person);
    act_set_object(&act, "rollout", object);
    act_set_refused(&act, ACT_REFUSED, "needs role operator");
    return act;
}

static void equal_refusals_become_one_act_with_their_number(void **state)
{
    (void)state;
    struct act acts[MOST + 1];
    struct refusal_counts *counts = refusal_counts_open(MOST, 0);
    const struct act one = unknown("10.0.0.1", "ann"), other = unknown("10.0.0.2", "ann"),
                     third = unknown("10.0.0.1", "bob");
    for (int i = 0; i < 10000; i++)
        assert_false(refusal_counts_add(counts, &one));
    assert_false(refusal_counts_add(counts, &other));
    assert_false(refusal_counts_add(counts, &third));
    assert_int_equal(refusal_counts_end(counts, acts), 3);
    assert_int_equal(acts[0].times, 10000);
    assert_string_equal(acts[0].address, "10.0.0.1");
    assert_int_equal(acts[1].times, 1);
    assert_string_equal(acts[2].credential, "bob");
    assert_int_equal(refusal_counts_end(counts, acts), 0);
    refusal_counts_close(counts);
}

static void more_peers_than_are_told_apart_become_one_act_without_a_peer(void **state)
{
    (void)state;
    struct act acts[MOST + 1];
    struct refusal_counts *counts = refusal_counts_open(MOST, 0);
    for (int i = 0; i < 1000; i++) {
        char address[16];
        (void)snprintf(address, sizeof address, "10.0.%d.%d", i / 250, i % 250);
        const struct act act = unknown(address, "");
        assert_false(refusal_counts_add(counts, &act));
    }
    assert_int_equal(refusal_counts_end(counts, acts), MOST + 1);
    assert_int_equal(acts[MOST].times, 1000 - MOST);
    assert_string_equal(acts[MOST].address, "");
    assert_string_equal(acts[MOST].verb, "others");
    assert_int_equal(refusal_counts_end(counts, acts), 0);
    refusal_counts_close(counts);
}

static struct act by(const char *person, const char *address, const char *credential, const char *verb)
{
    struct act act = known(person, "1");
    (void)snprintf(act.address, sizeof act.address, "%s", address);
    (void)snprintf(act.credential, sizeof act.credential, "%s", credential);
    act_set_verb(&act, verb);
    return act;
}

static void a_person_with_many_credentials_hides_no_refusal_of_another_person(void **state)
{
    (void)state;
    enum { TOKENS = 6, VERBS = 25 };
    struct act acts[2 * (MOST + 1)];
    struct refusal_counts *counts = refusal_counts_open(MOST, 1);
    for (int token = 0; token < TOKENS; token++) {
        for (int i = 0; i < VERBS; i++) {
            char credential[16], verb[16];
            (void)snprintf(credential, sizeof credential, "token %d", token);
            (void)snprintf(verb, sizeof verb, "verb%d", i);
            const struct act act = by("vic", "10.0.0.1", credential, verb);
            assert_int_equal(refusal_counts_add(counts, &act), token == 0 && i < MOST);
        }
    }
    const struct act other = by("eve", "10.0.0.2", "token 7", "approve");
    assert_true(refusal_counts_add(counts, &other));
    assert_false(refusal_counts_add(counts, &other));
    assert_int_equal(refusal_counts_kinds(counts), MOST + 2);
    assert_int_equal(refusal_counts_end(counts, acts), MOST + 2);
    assert_string_equal(acts[0].verb, "verb0");
    assert_int_equal(acts[0].times, TOKENS - 1);
    assert_string_equal(acts[0].credential, "");
    assert_string_equal(acts[0].address, "10.0.0.1");
    assert_string_equal(acts[MOST].person, "vic");
    assert_string_equal(acts[MOST].verb, "others");
    assert_int_equal(acts[MOST].times, TOKENS * (VERBS - MOST));
    assert_string_equal(acts[MOST + 1].person, "eve");
    assert_string_equal(acts[MOST + 1].verb, "approve");
    assert_string_equal(acts[MOST + 1].credential, "token 7");
    refusal_counts_close(counts);
}

static void each_of_many_people_has_refusals_of_its_own(void **state)
{
    (void)state;
    enum { PEOPLE = 200 };
    static struct act acts[PEOPLE];
    struct refusal_counts *counts = refusal_counts_open(MOST, 0);
    for (int i = 0; i < PEOPLE; i++) {
        char person[16];
        (void)snprintf(person, sizeof person, "p%d", i);
        const struct act act = by(person, "10.0.0.1", "token 1", "approve");
        assert_false(refusal_counts_add(counts, &act));
    }
    assert_int_equal(refusal_counts_kinds(counts), PEOPLE);
    assert_int_equal(refusal_counts_end(counts, acts), PEOPLE);
    assert_string_equal(acts[PEOPLE - 1].person, "p199");
    assert_int_equal(refusal_counts_kinds(counts), 0);
    refusal_counts_close(counts);
}

static void the_first_of_each_are_recorded_by_themselves_and_only_the_others_counted(void **state)
{
    (void)state;
    struct act acts[MOST + 1];
    struct refusal_counts *counts = refusal_counts_open(MOST, 2);
    const struct act first = known("vic", "1"), last = known("vic", "9"), other = known("eve", "1");
    assert_true(refusal_counts_add(counts, &first));
    assert_true(refusal_counts_add(counts, &first));
    assert_true(refusal_counts_add(counts, &other));
    for (int i = 0; i < 5; i++)
        assert_false(refusal_counts_add(counts, &last));
    assert_int_equal(refusal_counts_end(counts, acts), 1);
    assert_string_equal(acts[0].person, "vic");
    assert_int_equal(acts[0].times, 5);
    assert_string_equal(acts[0].object, "");
    assert_true(refusal_counts_add(counts, &first));
    refusal_counts_close(counts);
}

static void one_that_could_not_be_recorded_by_itself_is_counted(void **state)
{
    (void)state;
    struct act acts[MOST + 1];
    struct refusal_counts *counts = refusal_counts_open(MOST, 2);
    const struct act act = known("vic", "1");
    assert_true(refusal_counts_add(counts, &act));
    refusal_counts_take_back(counts, &act);
    assert_int_equal(refusal_counts_end(counts, acts), 1);
    assert_int_equal(acts[0].times, 1);
    assert_string_equal(acts[0].object, "1");
    refusal_counts_close(counts);
}

static void texts_of_an_act_are_cut_between_characters_and_always_valid(void **state)
{
    (void)state;
    struct act act = known("vic", "1");
    char longest[TC_FAULT_TEXT_SIZE + 2];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + sizeof act.refusal - 2, "\xC3\xA4", 3);
    act_set_refused(&act, ACT_REFUSED, longest);
    assert_int_equal(strlen(act.refusal), sizeof act.refusal - 2);
    act_set_refused(&act, ACT_FAILED, "found \"\xFF\"");
    assert_string_equal(act.refusal, "found \"?\"");
    act_set_details(&act, "name", "a\"b", "none", "", "absent", NULL, "last", "c");
    assert_string_equal(act.details, "{\"name\":\"a\\\"b\",\"last\":\"c\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_refusals_become_one_act_with_their_number),
        cmocka_unit_test(more_peers_than_are_told_apart_become_one_act_without_a_peer),
        cmocka_unit_test(a_person_with_many_credentials_hides_no_refusal_of_another_person),
        cmocka_unit_test(each_of_many_people_has_refusals_of_its_own),
        cmocka_unit_test(the_first_of_each_are_recorded_by_themselves_and_only_the_others_counted),
        cmocka_unit_test(one_that_could_not_be_recorded_by_itself_is_counted),
        cmocka_unit_test(texts_of_an_act_are_cut_between_characters_and_always_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
