/* Who was silent, for every combination of facts; what a new watch of presence believes; and its queue. */
#include "orchestrator/presence/presence_private.h"
#include "orchestrator/presence/trust.h"
#include "orchestrator/rollout/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum kind { ATM, NODE, PULL, KINDS };
enum { PRESENCE_STATES = 3 };

static bool node_relays;

static struct silence_decision decide(enum instruction_state state, enum kind kind, enum presence_state device,
                                      enum presence_state node)
{
    return silence_decide(&(struct silence){.state = state,
                                            .pull = kind == PULL,
                                            .node = kind == NODE,
                                            .node_relays = node_relays,
                                            .device_presence = device,
                                            .node_presence = kind == NODE   ? device
                                                             : kind == PULL ? PRESENCE_UNKNOWN
                                                                            : node});
}

static void assert_decided(enum instruction_state state, enum kind kind, enum presence_state device,
                           enum presence_state node, const char *code, enum silent_one who)
{
    struct silence_decision decision = decide(state, kind, device, node);
    if (strcmp(decision.code, code) != 0 || decision.who != who)
        fail_msg("state %d, kind %d, device %s, node %s: found %s of %d, expected %s of %d", state, kind,
                 presence_state_name(device), presence_state_name(node), decision.code, decision.who, code, who);
}

/* Calls `check` with every presence of the device and of its node. */
static void for_each_presence(void (*check)(enum presence_state device, enum presence_state node))
{
    for (int device = 0; device < PRESENCE_STATES; device++) {
        for (int node = 0; node < PRESENCE_STATES; node++)
            check((enum presence_state)device, (enum presence_state)node);
    }
}

static void check_unasked_atm(enum presence_state device, enum presence_state node)
{
    if (node == PRESENCE_OFFLINE)
        assert_decided(DISPATCHED, ATM, device, node, "node_offline", SILENT_NODE);
    else if (device == PRESENCE_OFFLINE)
        assert_decided(DISPATCHED, ATM, device, node, "device_offline", SILENT_DEVICE);
    else if (device == PRESENCE_ONLINE && node_relays)
        assert_decided(DISPATCHED, ATM, device, node, "device_silent", SILENT_DEVICE);
    else if (device == PRESENCE_ONLINE && node == PRESENCE_ONLINE)
        assert_decided(DISPATCHED, ATM, device, node, "node_silent", SILENT_NODE);
    else
        assert_decided(DISPATCHED, ATM, device, node, "not_asked", SILENT_NOT_KNOWN);
}

static void an_atm_that_did_not_ask_is_silent_by_its_node_only_when_both_are_online_and_no_other_asked(void **state)
{
    (void)state;
    for_each_presence(check_unasked_atm);
    node_relays = true;
    for_each_presence(check_unasked_atm);
    node_relays = false;
}

static void check_answered_atm(enum presence_state device, enum presence_state node)
{
    enum silent_one who = device == PRESENCE_UNKNOWN ? SILENT_NOT_KNOWN : SILENT_DEVICE;
    const char *const sent[] = {"atm_silent", "device_offline", "device_silent"};
    const char *const received[] = {"not_installing", "device_offline", "device_silent"};
    assert_decided(SENT, ATM, device, node, sent[device], who);
    assert_decided(RECEIVED, ATM, device, node, received[device], who);
    assert_decided(INSTALLING, ATM, device, node, "install_timeout", who);
}

static void the_node_of_an_atm_that_was_answered_does_not_matter(void **state)
{
    (void)state;
    for_each_presence(check_answered_atm);
    node_relays = true;
    for_each_presence(check_answered_atm);
    node_relays = false;
}

static void check_node(enum presence_state device, enum presence_state node)
{
    enum silent_one who = device == PRESENCE_UNKNOWN ? SILENT_NOT_KNOWN : SILENT_NODE;
    bool is_offline = device == PRESENCE_OFFLINE;
    assert_decided(DISPATCHED, NODE, device, node, is_offline ? "node_offline" : "node_silent", who);
    assert_decided(SENT, NODE, device, node, is_offline ? "node_offline" : "device_silent", who);
    const char *const received[] = {"not_installing", "node_offline", "device_silent"};
    assert_decided(RECEIVED, NODE, device, node, received[device], who);
    assert_decided(INSTALLING, NODE, device, node, "install_timeout", who);
}

static void a_node_is_told_as_a_node(void **state)
{
    (void)state;
    for_each_presence(check_node);
}

static void check_pull(enum presence_state device, enum presence_state node)
{
    enum silent_one who = device == PRESENCE_UNKNOWN ? SILENT_NOT_KNOWN : SILENT_DEVICE;
    bool is_offline = device == PRESENCE_OFFLINE;
    assert_decided(DISPATCHED, PULL, device, node, is_offline ? "device_offline" : "device_silent", who);
    assert_decided(SENT, PULL, device, node, is_offline ? "device_offline" : "device_silent", who);
    const char *const received[] = {"not_installing", "device_offline", "device_silent"};
    assert_decided(RECEIVED, PULL, device, node, received[device], who);
    assert_decided(INSTALLING, PULL, device, node, "install_timeout", who);
}

static void a_pull_client_has_no_node(void **state)
{
    (void)state;
    for_each_presence(check_pull);
}

/* ---- trust ---- */

static void a_watch_keeps_what_is_known_only_when_the_will_of_the_last_one_was_published(void **state)
{
    (void)state;
    enum { FACTS = 16 };
    for (unsigned i = 0; i < FACTS; i++) {
        const struct watch_facts facts = {.was_answered = (i & 1) != 0,
                                          .found_mark = (i & 2) != 0,
                                          .is_of_last = (i & 4) != 0,
                                          .has_ended = (i & 8) != 0};
        struct watch_trust trust = watch_trust_decide(&facts);
        bool has_lost_all = facts.was_answered && !facts.found_mark;
        bool is_sound = facts.was_answered && facts.found_mark && facts.is_of_last && facts.has_ended;
        assert_int_equal(trust.keeps, is_sound);
        assert_int_equal(trust.trusts_online, is_sound || has_lost_all);
        assert_int_equal(watch_may_still_end(&facts),
                         facts.was_answered && facts.found_mark && facts.is_of_last && !facts.has_ended);
    }
}

/* ---- the queue ---- */

static struct heard_item item_of(const char *device, enum presence_state state, int64_t turn)
{
    struct heard_item item = {.heard.state = state, .turn = turn};
    (void)snprintf(item.heard.device, sizeof item.heard.device, "%s", device);
    return item;
}

static void put(struct batch_queue *queue, const char *device, enum presence_state state, int64_t turn)
{
    struct heard_item item = item_of(device, state, turn);
    heard_queue_put(queue, &item);
}

static void of_each_device_the_last_message_is_written(void **state)
{
    (void)state;
    enum { LIMIT = 4, REPEATS = 100 };
    struct heard_item taken[LIMIT];
    struct batch_queue *queue = heard_queue_open(LIMIT);
    put(queue, "A1", PRESENCE_ONLINE, 1);
    put(queue, "A2", PRESENCE_ONLINE, 1);
    for (int i = 0; i < REPEATS; i++) /* would wait for ever if each took space */
        put(queue, "A1", i % 2 == 0 ? PRESENCE_ONLINE : PRESENCE_OFFLINE, i);
    assert_int_equal(batch_queue_take(queue, taken, LIMIT, 0, 0), 2);
    assert_string_equal(taken[0].heard.device, "A1");
    assert_int_equal(taken[0].heard.state, PRESENCE_OFFLINE);
    assert_int_equal(taken[0].turn, REPEATS - 1);
    assert_string_equal(taken[1].heard.device, "A2");
    assert_int_equal(taken[1].heard.state, PRESENCE_ONLINE);
    batch_queue_free(queue);
}

static void a_device_that_reconnects_all_the_time_is_written_now_and_then(void **state)
{
    (void)state;
    enum { LIMIT = 4, REPEATS = 100 };
    struct heard_item taken[LIMIT];
    struct batch_queue *queue = heard_queue_open(LIMIT);
    size_t written = 0;
    for (int i = 0; i < REPEATS; i++) {
        put(queue, "A1", PRESENCE_ONLINE, 1);
        written += batch_queue_take(queue, taken, LIMIT, 0, 0);
    }
    assert_in_range(written, 1, REPEATS / 2);
    batch_queue_free(queue);
}

static void a_closed_queue_takes_nothing(void **state)
{
    (void)state;
    struct batch_queue *queue = heard_queue_open(1);
    put(queue, "A1", PRESENCE_ONLINE, 1);
    batch_queue_close(queue);
    put(queue, "A2", PRESENCE_ONLINE, 1); /* would wait for ever */
    assert_int_equal(batch_queue_length(queue), 1);
    batch_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_atm_that_did_not_ask_is_silent_by_its_node_only_when_both_are_online_and_no_other_asked),
        cmocka_unit_test(the_node_of_an_atm_that_was_answered_does_not_matter),
        cmocka_unit_test(a_node_is_told_as_a_node),
        cmocka_unit_test(a_pull_client_has_no_node),
        cmocka_unit_test(a_watch_keeps_what_is_known_only_when_the_will_of_the_last_one_was_published),
        cmocka_unit_test(of_each_device_the_last_message_is_written),
        cmocka_unit_test(a_device_that_reconnects_all_the_time_is_written_now_and_then),
        cmocka_unit_test(a_closed_queue_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
