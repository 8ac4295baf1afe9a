#include "base/file.h"
#include "config/daemon.h"
#include "config/settings.h"
#include "document_check.h"

#include <stddef.h>
#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct kettle {
    char *name;
    int64_t cups, boil_ms, volume;
    bool whistle;
    char *colour;
};

static const struct setting rows[] = {
    {"name", SETTING_TEXT, offsetof(struct kettle, name), "kettle", 0, 0, NULL, false, "Its name.", NULL},
    {"water.cups", SETTING_INTEGER, offsetof(struct kettle, cups), "4", 1, 12, NULL, false, "Cups.", NULL},
    {"water.boil", SETTING_DURATION, offsetof(struct kettle, boil_ms), "3m", 1000, 600000, NULL, true, "Boiling.",
     NULL},
    {"water.volume", SETTING_SIZE, offsetof(struct kettle, volume), "2KiB", 0, 0, NULL, false, "Volume.", NULL},
    {"whistle", SETTING_BOOLEAN, offsetof(struct kettle, whistle), "true", 0, 0, NULL, false, "Whistles.", NULL},
    {"colour", SETTING_CHOICE, offsetof(struct kettle, colour), "red", 0, 0, "red|green", false, "Colour.", NULL},
};
static const struct settings_table table = {rows, COUNT_OF(rows)};

static enum tc_error parse(const char *text, struct kettle *kettle, struct document_faults *faults)
{
    return settings_parse(&table, text, strlen(text), kettle, faults);
}

static void assert_defaults(const struct kettle *kettle)
{
    assert_string_equal(kettle->name, "kettle");
    assert_int_equal(kettle->cups, 4);
    assert_int_equal(kettle->boil_ms, 180000);
    assert_int_equal(kettle->volume, 2048);
    assert_true(kettle->whistle);
    assert_string_equal(kettle->colour, "red");
}

static void what_a_file_leaves_out_has_its_default(void **state)
{
    (void)state;
    struct kettle kettle;
    struct document_faults faults = {0};
    assert_int_equal(parse("{}", &kettle, &faults), TC_OK);
    assert_defaults(&kettle);
    settings_free(&table, &kettle);
}

static void nested_and_dotted_keys_are_the_same(void **state)
{
    (void)state;
    struct kettle kettle;
    struct document_faults faults = {0};
    assert_int_equal(parse("name: 'Aunt''s'\nwater: {cups: 2, boil: 90s}\nwater.volume: 1MiB\nwhistle: false\n"
                           "colour: green\n",
                           &kettle, &faults),
                     TC_OK);
    assert_string_equal(kettle.name, "Aunt's");
    assert_int_equal(kettle.cups, 2);
    assert_int_equal(kettle.boil_ms, 90000);
    assert_int_equal(kettle.volume, 1 << 20);
    assert_false(kettle.whistle);
    assert_string_equal(kettle.colour, "green");
    settings_free(&table, &kettle);
}

static void a_bad_file_is_a_fault_at_its_place_and_leaves_the_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } bad[] = {
        {"^nmae: x\n", "nmae", "did you mean name?"},
        {"water:\n  ^cup: 3\n", "water.cup", "did you mean water.cups?"},
        {"^unheard: 1\n", "unheard", "unknown setting"},
        {"^water.cups.more: 1\n", "water.cups.more", "unknown setting"},
        {"water: ^5\n", "water", "a map"},
        {"water: ^[5]\n", "water", "a map"},
        {"name: ^[x]\n", "name", "found a list"},
        {"name:^\n", "name", "found nothing"},
        {"name: ^~\n", "name", "found nothing"},
        {"water: {cups: ^13}\n", "water.cups", "1 to 12"},
        {"water: {cups: ^0}\n", "water.cups", "1 to 12"},
        {"water: {cups: ^010}\n", "water.cups", "\"010\""},
        {"water: {cups: ^\"3\"}\n", "water.cups", "an integer"},
        {"water: {boil: ^5}\n", "water.boil", "duration"},
        {"water: {boil: ^5h}\n", "water.boil", "1s to 10m"},
        {"water: {volume: ^1MB}\n", "water.volume", "size"},
        {"whistle: ^yes\n", "whistle", "true or false"},
        {"whistle: ^'true'\n", "whistle", "true or false"},
        {"colour: ^blue\n", "colour", "red|green"},
        {"colour: ^red|green\n", "colour", "red|green"},
        {"water: {cups: 3}\n^water.cups: 4\n", "water.cups", "duplicate"},
        {"name: a\n^name: b\n", "name", "duplicate"},
        {"name: ^&x a\n", "", "anchors"},
        {"^[1, 2]\n", "", "a map of settings"},
        {"name: 'open\n^", "", "not YAML"},
        {"^", "", "empty"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct marked_text marked = marked_text(bad[i].text);
        struct document_faults faults = {0};
        struct kettle kettle;
        enum tc_error error = settings_parse(&table, buffer_text(&marked.text), marked.text.length, &kettle, &faults);
        assert_one_fault(&faults, &marked, bad[i].path, bad[i].detail);
        assert_int_equal(error, TC_INVALID);
        assert_defaults(&kettle);
        settings_free(&table, &kettle);
        document_faults_free(&faults);
        buffer_free(&marked.text);
    }
}

static void all_faults_are_found_at_once(void **state)
{
    (void)state;
    struct kettle kettle;
    struct document_faults faults = {0};
    assert_int_equal(parse("colour: blue\nwater: {cups: 99, bol: 1}\nname: [1]\n", &kettle, &faults), TC_INVALID);
    assert_int_equal(faults.total, 4);
    assert_string_equal(faults.items[0].path, "colour");
    assert_string_equal(faults.items[1].path, "water.cups");
    assert_string_equal(faults.items[2].path, "water.bol");
    assert_string_equal(faults.items[3].path, "name");
    settings_free(&table, &kettle);
    document_faults_free(&faults);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct kettle kettle;
    struct document_faults faults = {0};
    assert_int_equal(settings_load(&table, "/nonexistent/settings.yaml", &kettle, &faults), TC_NOT_FOUND);
    assert_int_equal(faults.total, 1);
    struct buffer text = {0};
    document_faults_print(&faults, "/nonexistent/settings.yaml", &text);
    assert_string_equal(buffer_text(&text), "/nonexistent/settings.yaml: open: No such file or directory\n");
    buffer_free(&text);
    assert_defaults(&kettle);
    settings_free(&table, &kettle);
    document_faults_free(&faults);
}

static void what_is_printed_loads_as_the_same(void **state)
{
    (void)state;
    struct kettle kettle;
    struct document_faults faults = {0};
    assert_int_equal(parse("name: \"a \\\"b\\\" \\\\ \\n\\t é: # \\N\\L\\P\\uFEFF\\x80 😀\"\nwater: {boil: 1500ms}\n",
                           &kettle, &faults),
                     TC_OK);
    struct buffer once = {0}, twice = {0};
    settings_print(&table, &kettle, &once);
    struct kettle again;
    assert_int_equal(parse(buffer_text(&once), &again, &faults), TC_OK);
    assert_string_equal(again.name, kettle.name);
    assert_int_equal(again.boil_ms, 1500);
    settings_print(&table, &again, &twice);
    assert_string_equal(buffer_text(&twice), buffer_text(&once));
    settings_free(&table, &kettle);
    settings_free(&table, &again);
    buffer_free(&once);
    buffer_free(&twice);
}

static void a_setting_differs_when_its_own_value_does(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key;
    } changes[] = {
        {"name: pot\n", "name"},
        {"water: {cups: 5}\n", "water.cups"},
        {"water: {boil: 2m}\n", "water.boil"},
        {"water: {volume: 1KiB}\n", "water.volume"},
        {"whistle: false\n", "whistle"},
        {"colour: green\n", "colour"},
        {"colour: red\nwater: {boil: 180s}\n", ""},
    };
    struct document_faults faults = {0};
    struct kettle before, after;
    settings_set_defaults(&table, &before);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        assert_int_equal(parse(changes[i].text, &after, &faults), TC_OK);
        for (size_t k = 0; k < COUNT_OF(rows); k++)
            assert_int_equal(setting_differs(&rows[k], &before, &after), strcmp(rows[k].key, changes[i].key) == 0);
        settings_free(&table, &after);
    }
    settings_free(&table, &before);
}

/* ---- the daemon's own table ----------------------------------------------------------------- */

static void the_daemon_has_these_defaults(void **state)
{
    (void)state;
    struct daemon_settings settings;
    settings_set_defaults(&daemon_settings_table, &settings);
    assert_string_equal(settings.topic_root, "tc/v1");
    assert_int_equal(settings.broker_port, 1883);
    assert_int_equal(settings.updater_threads, 2);
    assert_int_equal(settings.updater_batch, 1000);
    assert_int_equal(settings.updater_linger_ms, 20);
    assert_int_equal(settings.ask_batch, 256);
    assert_int_equal(settings.ask_linger_ms, 2);
    assert_int_equal(settings.claim_batch, 1000);
    assert_int_equal(settings.queue_limit, 50000);
    assert_int_equal(settings.lease_ms, 7000);
    assert_int_equal(settings.instruction_validity_ms, 86400000);
    assert_int_equal(settings.pull_wait_ms, 7 * INT64_C(86400000));
    assert_int_equal(settings.http_connections, 10000);
    assert_int_equal(settings.http_address_connections, 500);
    assert_int_equal(settings.artifact_size_limit, INT64_C(4) << 30);
    assert_int_equal(settings.artifact_daily_limit, INT64_C(64) << 30);
    assert_int_equal(settings.fleet_size_limit, 512 << 20);
    settings_free(&daemon_settings_table, &settings);
}

static void the_example_is_what_the_table_prints(void **state)
{
    (void)state;
    struct daemon_settings settings;
    struct document_faults faults = {0};
    static const char path[] = "config/examples/tellercast.yaml";
    assert_int_equal(settings_load(&daemon_settings_table, path, &settings, &faults), TC_OK);
    struct buffer printed = {0}, example = {0};
    settings_print(&daemon_settings_table, &settings, &printed);
    assert_int_equal(file_read(path, 1 << 20, &example, NULL), TC_OK);
    assert_string_equal(buffer_text(&example), buffer_text(&printed));
    settings_free(&daemon_settings_table, &settings);

    settings_set_defaults(&daemon_settings_table, &settings);
    buffer_clear(&printed);
    settings_print(&daemon_settings_table, &settings, &printed);
    assert_string_equal(buffer_text(&example), buffer_text(&printed));
    settings_free(&daemon_settings_table, &settings);
    buffer_free(&printed);
    buffer_free(&example);
}

static void calendars_are_maps_of_blackouts(void **state)
{
    (void)state;
    struct daemon_settings settings;
    struct document_faults faults = {0};
    static const char text[] = "calendars:\n  month-end:\n    - {from: 2026-12-30, to: 2027-01-02, reason: closing}\n"
                               "  pay days: []\n";
    static const char good[] = "calendars:\n  month-end:\n    - {from: 2026-12-30, to: 2027-01-02, reason: closing}\n"
                               "  night: [{from: 2026-12-24T18:00:00+01:00, to: 2026-12-26}]\n";
    assert_int_equal(settings_parse(&daemon_settings_table, text, strlen(text), &settings, &faults), TC_INVALID);
    assert_string_equal(settings.calendars, "{}");
    settings_free(&daemon_settings_table, &settings);
    document_faults_free(&faults);

    assert_int_equal(settings_parse(&daemon_settings_table, good, strlen(good), &settings, &faults), TC_OK);
    assert_string_equal(
        settings.calendars,
        "{\"month-end\": [{\"from\": \"2026-12-30\", \"reason\": \"closing\", \"to\": \"2027-01-02\"}], "
        "\"night\": [{\"from\": \"2026-12-24T17:00:00Z\", \"reason\": \"\", \"to\": \"2026-12-26\"}]}");
    struct buffer printed = {0};
    settings_print(&daemon_settings_table, &settings, &printed);
    struct daemon_settings again;
    assert_int_equal(settings_parse(&daemon_settings_table, buffer_text(&printed), printed.length, &again, &faults),
                     TC_OK);
    assert_string_equal(again.calendars, settings.calendars);
    buffer_free(&printed);
    settings_free(&daemon_settings_table, &again);
    settings_free(&daemon_settings_table, &settings);
}

/* The daemon's settings `text` have one fault, where the mark is. */
static void assert_daemon_refuses(const char *text, const char *path, const char *detail)
{
    struct marked_text marked = marked_text(text);
    struct document_faults faults = {0};
    struct daemon_settings settings;
    enum tc_error error =
        settings_parse(&daemon_settings_table, buffer_text(&marked.text), marked.text.length, &settings, &faults);
    assert_one_fault(&faults, &marked, path, detail);
    assert_int_equal(error, TC_INVALID);
    settings_free(&daemon_settings_table, &settings);
    document_faults_free(&faults);
    buffer_free(&marked.text);
}

static void a_wrong_calendar_is_a_fault_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } bad[] = {
        {"calendars: ^[month-end]\n", "calendars", "a map of names"},
        {"calendars: ^none\n", "calendars", "a map of names"},
        {"calendars: {^'month end': []}\n", "calendars.month end", "the key must be a name"},
        {"calendars: {x: ^2026-12-24}\n", "calendars.x", "a list"},
        {"calendars: {x: [^2026-12-24]}\n", "calendars.x[0]", "a map of keys"},
        {"calendars: {x: [^{from: 2026-12-24}]}\n", "calendars.x[0].to", "required"},
        {"calendars: {x: [{from: 2026-12-24, to: ^2026-12-32}]}\n", "calendars.x[0].to", "a date"},
        {"calendars: {x: [], y: [{from: 2026-12-24, to: ^2026-12-23}]}\n", "calendars.y[0].to", "not before from"},
        {"calendars: {x: [{from: 2026-12-24, to: 2026-12-24, ^till: 5}]}\n", "calendars.x[0].till", "unknown key"},
        {"calendars: {}\n^calendars: {}\n", "calendars", "duplicate"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_daemon_refuses(bad[i].text, bad[i].path, bad[i].detail);
}

static const char policy_text[] =
    "policy:\n  approvals:\n    - {action: install, devices: 1000, count: 2}\n    - {action: resume, count: 1}\n"
    "  preempt: [ann]\n  review_within: 1h\n";

static void a_policy_is_read_again_as_it_is_printed(void **state)
{
    (void)state;
    struct daemon_settings settings, again;
    struct document_faults faults = {0};
    struct buffer printed = {0};
    assert_int_equal(settings_parse(&daemon_settings_table, policy_text, strlen(policy_text), &settings, &faults),
                     TC_OK);
    assert_string_equal(settings.policy,
                        "{\"approvals\": [{\"action\": \"install\", \"count\": 2, \"devices\": 1000}, "
                        "{\"action\": \"resume\", \"count\": 1, \"devices\": 1}], \"preempt\": [\"ann\"], "
                        "\"review_within\": \"3600s\"}");
    settings_print(&daemon_settings_table, &settings, &printed);
    assert_int_equal(settings_parse(&daemon_settings_table, buffer_text(&printed), printed.length, &again, &faults),
                     TC_OK);
    assert_string_equal(again.policy, settings.policy);
    settings_free(&daemon_settings_table, &again);
    settings_free(&daemon_settings_table, &settings);
    assert_int_equal(settings_parse(&daemon_settings_table, "policy: {preempt: []}", 21, &settings, &faults), TC_OK);
    assert_string_equal(settings.policy, "{\"preempt\": []}"); /* nobody */
    settings_free(&daemon_settings_table, &settings);
    buffer_free(&printed);
}

static void policies_that_ask_for_the_same_are_the_same(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{approvals: [], review_within: 72h}", "{}"},
        {"{approvals: [{action: run, count: 2}, {action: install, count: 1}], preempt: [bob, ann]}",
         "{\"approvals\": [{\"action\": \"install\", \"count\": 1, \"devices\": 1}, "
         "{\"action\": \"run\", \"count\": 2, \"devices\": 1}], \"preempt\": [\"ann\", \"bob\"]}"},
        {"{approvals: [{action: run, devices: 50, count: 3}, {action: run, devices: 9, count: 2}, "
         "{action: run, devices: 50, count: 1}, {action: run, devices: 10, count: 2}]}",
         "{\"approvals\": [{\"action\": \"run\", \"count\": 2, \"devices\": 9}, "
         "{\"action\": \"run\", \"count\": 3, \"devices\": 50}]}"},
        {"{approvals: [{action: run, count: 1}, {action: run, count: 2}]}",
         "{\"approvals\": [{\"action\": \"run\", \"count\": 2, \"devices\": 1}]}"},
        {"{review_within: 4320m}", "{}"},
        {"{lift_freeze: [bob, ann], lift_freeze_by_two: true}",
         "{\"lift_freeze\": [\"ann\", \"bob\"], \"lift_freeze_by_two\": true}"},
        {"{lift_freeze: [], lift_freeze_by_two: false}", "{\"lift_freeze\": []}"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char text[512];
        struct daemon_settings settings;
        struct document_faults faults = {0};
        int length = snprintf(text, sizeof text, "policy: %s", pairs[i][0]);
        assert_int_equal(settings_parse(&daemon_settings_table, text, (size_t)length, &settings, &faults), TC_OK);
        assert_string_equal(settings.policy, pairs[i][1]);
        settings_free(&daemon_settings_table, &settings);
    }
}

static void a_wrong_policy_is_a_fault_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } bad[] = {
        {"policy: ^[install]\n", "policy", "a map of keys"},
        {"policy: {approvals: [{action: ^instal, count: 1}]}\n", "policy.approvals[0].action", "install"},
        {"policy: {approvals: [^{action: install}]}\n", "policy.approvals[0].count", "required"},
        {"policy: {approvals: [{action: install, count: ^0}]}\n", "policy.approvals[0].count", "1 to 10"},
        {"policy: {approvals: [{action: install, count: ^11}]}\n", "policy.approvals[0].count", "1 to 10"},
        {"policy: {approvals: [{action: install, count: 1, devices: ^0}]}\n", "policy.approvals[0].devices", "1 to"},
        {"policy: {preempt: ^ann}\n", "policy.preempt", "a list"},
        {"policy: {review_within: ^59s}\n", "policy.review_within", "1m to 365d"},
        {"policy: {^freeze: [ann]}\n", "policy.freeze", "unknown key"},
        {"policy: {lift_freeze: ^ann}\n", "policy.lift_freeze", "a list"},
        {"policy: {lift_freeze_by_two: ^2}\n", "policy.lift_freeze_by_two", "true"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_daemon_refuses(bad[i].text, bad[i].path, bad[i].detail);
}

static void every_setting_has_a_help_that_is_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < daemon_settings_table.count; i++) {
        const char *help = daemon_settings_table.rows[i].help;
        assert_true(strlen(help) > 10 && help[strlen(help) - 1] == '.');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_file_leaves_out_has_its_default),
        cmocka_unit_test(nested_and_dotted_keys_are_the_same),
        cmocka_unit_test(a_bad_file_is_a_fault_at_its_place_and_leaves_the_defaults),
        cmocka_unit_test(all_faults_are_found_at_once),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(what_is_printed_loads_as_the_same),
        cmocka_unit_test(a_setting_differs_when_its_own_value_does),
        cmocka_unit_test(the_daemon_has_these_defaults),
        cmocka_unit_test(the_example_is_what_the_table_prints),
        cmocka_unit_test(calendars_are_maps_of_blackouts),
        cmocka_unit_test(a_policy_is_read_again_as_it_is_printed),
        cmocka_unit_test(policies_that_ask_for_the_same_are_the_same),
        cmocka_unit_test(a_wrong_policy_is_a_fault_at_its_place),
        cmocka_unit_test(a_wrong_calendar_is_a_fault_at_its_place),
        cmocka_unit_test(every_setting_has_a_help_that_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
