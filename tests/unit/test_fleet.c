#include "base/file.h"
#include "config/fleet.h"
#include "config/fleet_generate.h"
#include "document_check.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define HEAD "apiVersion: tellercast/v1\nkind: Fleet\n"
#define COLUMNS "kind,id,branch,role,zone,name,model,labels,versions\n"

static enum fleet_format format_of(const char *text)
{
    return strncmp(text, "kind,", 5) == 0 ? FLEET_CSV : FLEET_YAML;
}

static struct fleet *parse_good(const char *text)
{
    struct fleet *fleet;
    struct document_faults faults = {0};
    enum tc_error error = fleet_parse(format_of(text), text, strlen(text), &fleet, &faults);
    if (error != TC_OK) {
        struct buffer all = {0};
        document_faults_print(&faults, "fleet", &all);
        print_error("%s\n%s", text, buffer_text(&all));
        buffer_free(&all);
    }
    document_faults_free(&faults);
    assert_int_equal(error, TC_OK);
    return fleet;
}

/* ---- valid fleets --------------------------------------------------------------------------- */

static void all_of_a_device_and_a_branch_is_read(void **state)
{
    (void)state;
    struct fleet *fleet =
        parse_good(HEAD "branches:\n  - {id: B1, name: \"Main, St.\", zone: Asia/Kolkata, labels: {b: y, a: x}}\n"
                        "  - {id: B2, zone: UTC}\n"
                        "devices:\n  - {id: A1, branch: B1, role: atm, model: m-1, labels: {site: mall},\n"
                        "     versions: {atm-app: 4.70}}\n  - {id: P1, role: pull, zone: Asia/Tokyo}\n");
    assert_int_equal(fleet->branch_count, 2);
    assert_string_equal(fleet->branches[0].id, "B1");
    assert_string_equal(fleet->branches[0].name, "Main, St.");
    assert_string_equal(fleet->branches[0].zone, "Asia/Kolkata");
    assert_string_equal(fleet->branches[0].labels, "{\"a\":\"x\",\"b\":\"y\"}");
    assert_int_equal(fleet->branches[0].line, 4);
    assert_string_equal(fleet->branches[1].name, "B2");
    assert_string_equal(fleet->branches[1].labels, "{}");

    assert_int_equal(fleet->device_count, 2);
    const struct fleet_device *atm = &fleet->devices[0], *pull = &fleet->devices[1];
    assert_string_equal(atm->id, "A1");
    assert_string_equal(atm->branch, "B1");
    assert_string_equal(atm->role, "atm");
    assert_string_equal(atm->model, "m-1");
    assert_null(atm->zone);
    assert_string_equal(atm->labels, "{\"site\":\"mall\"}");
    assert_string_equal(atm->versions, "{\"atm-app\":\"4.70\"}");
    assert_int_equal(atm->line, 7);
    assert_null(pull->branch);
    assert_string_equal(pull->zone, "Asia/Tokyo");
    assert_string_equal(pull->model, "");
    assert_string_equal(pull->versions, "{}");
    fleet_free(fleet);
}

static void csv_may_have_any_columns_in_any_order(void **state)
{
    (void)state;
    struct fleet *fleet = parse_good("kind,versions,role,id,branch,labels\r\n\r\n"
                                     "device,a=1;b=2,atm,A1,B1,\"site=\"\"x, y\"\"\n2\"\r\n"
                                     "device,,node,B1,B1,");
    assert_int_equal(fleet->device_count, 2);
    assert_string_equal(fleet->devices[0].versions, "{\"a\":\"1\",\"b\":\"2\"}");
    assert_string_equal(fleet->devices[0].labels, "{\"site\":\"\\\"x, y\\\"\\n2\"}");
    assert_int_equal(fleet->devices[0].line, 3);
    assert_int_equal(fleet->devices[1].line, 5);
    fleet_free(fleet);
}

static void a_fleet_may_be_empty_or_only_devices(void **state)
{
    (void)state;
    fleet_free(parse_good(HEAD));
    fleet_free(parse_good(HEAD "branches: []\ndevices: []\n"));
    fleet_free(parse_good(COLUMNS));
    struct fleet *empty;
    struct document_faults faults = {0};
    static const char with_mark[] = "\xEF\xBB\xBF" COLUMNS;
    assert_int_equal(fleet_parse(FLEET_CSV, with_mark, sizeof with_mark - 1, &empty, &faults), TC_OK);
    fleet_free(empty);
    struct fleet *fleet = parse_good(HEAD "devices: [{id: A1, branch: in-the-database, role: atm}]\n");
    assert_int_equal(fleet->device_count, 1);
    fleet_free(fleet);
}

/* ---- faults --------------------------------------------------------------------------------- */

static const struct {
    const char *text, *path, *detail;
} bad_fleets[] = {
    /* the document */
    {"^", "", "a map with apiVersion"},
    {"^[1]\n", "", "a map with apiVersion"},
    {"^kind: Fleet\n", "apiVersion", "required"},
    {"^apiVersion: tellercast/v1\n", "kind", "required"},
    {"apiVersion: tellercast/v1\nkind: ^Rollout\n", "kind", "allowed: Fleet"},
    {HEAD "^fleet: []\n", "fleet", "unknown key"},
    {HEAD "^kind: Fleet\n", "kind", "duplicate key"},
    {HEAD "devices: []\n^devices: [{id: A1, role: pull}]\n", "devices", "duplicate key"},
    {HEAD "devices: ^{}\n", "devices", "a list"},
    {HEAD "devices: ^&x []\n", "", "anchors"},
    {HEAD "devices: [{id: A1, role: pull}\n^", "", "not YAML"},
    {HEAD "^---\nb: 1\n", "", "second document"},
    {HEAD "devices: [^A1]\n", "devices[0]", "found \"A1\""},

    /* branches */
    {HEAD "branches: [^{id: B1}]\n", "branches[0].zone", "required"},
    {HEAD "branches: [^{zone: UTC}]\n", "branches[0].id", "required"},
    {HEAD "branches: [{id: ^B/1, zone: UTC}]\n", "branches[0].id", "an ID"},
    {HEAD "branches: [{id: B1, zone: ^+01:00}]\n", "branches[0].zone", "IANA"},
    {HEAD "branches: [{id: B1, zone: UTC, name: ^[x]}]\n", "branches[0].name", "a text"},
    {HEAD "branches: [{id: B1, zone: UTC, labels: ^x}]\n", "branches[0].labels", "a map"},
    {HEAD "branches: [{id: B1, zone: UTC, ^lables: {}}]\n", "branches[0].lables", "did you mean labels?"},
    {HEAD "branches:\n  - {id: B1, zone: UTC}\n  - {id: ^B1, zone: UTC}\n", "branches[1].id", "already, in line 4"},
    {HEAD "branches: [{id: B1, zone: UTC, devices: ^{}}]\n", "branches[0].devices", "a list of devices"},
    {HEAD "branches: [{id: B1, zone: UTC, devices: [{id: A1, role: atm, branch: ^B2}]}]\n",
     "branches[0].devices[0].branch", "under another branch"},

    /* devices */
    {HEAD "devices: [^{id: A1}]\n", "devices[0].role", "required"},
    {HEAD "devices: [{id: ^'A 1', role: pull}]\n", "devices[0].id", "an ID"},
    {HEAD "devices: [{id: A1, role: ^Pull}]\n", "devices[0].role", "node|atm|pull"},
    {HEAD "devices: [{id: A1, role: pull, branch: ^~}]\n", "devices[0].branch", "found nothing"},
    {HEAD "devices: [{id: A1, role: pull, model: ^{}}]\n", "devices[0].model", "a text"},
    {HEAD "devices: [{id: A1, role: pull, zone: ^'Europe Berlin'}]\n", "devices[0].zone", "IANA"},
    {HEAD "devices: [{id: A1, role: pull, labels: {a: ^[]}}]\n", "devices[0].labels.a", "a text"},
    {HEAD "devices: [{id: A1, role: pull, versions: {a: ^''}}]\n", "devices[0].versions.a", "a name"},
    {HEAD "devices: [{id: A1, role: pull, ^id: A2}]\n", "devices[0].id", "duplicate key"},
    {HEAD "devices: [^{id: A1, role: atm}]\n", "devices[0].branch", "only a pull client"},
    {HEAD "devices: [^{id: B1, role: node}]\n", "devices[0].branch", "only a pull client"},
    {HEAD "devices: [{id: ^N1, role: node, branch: B1}]\n", "devices[0].id", "the ID of its branch"},
    {HEAD "devices: [{id: ^B1, role: atm, branch: B1}]\n", "devices[0].id", "only a branch's node"},
    {HEAD "branches: [{id: B1, zone: UTC}]\ndevices: [{id: ^B1, role: pull}]\n", "devices[0].id",
     "only a branch's node"},
    {HEAD "devices: [{id: B1, role: pull}]\nbranches: [{id: ^B1, zone: UTC}]\n", "branches[0].id",
     "other than a node already has this ID"},
    {HEAD "devices: [{id: A1, role: atm, branch: B1, zone: ^UTC}]\n", "devices[0].zone", "its branch's zone"},
    {HEAD "devices:\n  - {id: A1, role: pull}\n  - {id: ^A1, role: pull}\n", "devices[1].id", "already, in line 4"},

    /* CSV */
    {"kind,id,^branches\n", "", "did you mean branch"},
    {"kind,id,role,^role\n", "role", "duplicate column"},
    {"^kind,role\n", "id", "the column is missing"},
    {COLUMNS "^device,A1\n", "", "found 2 fields, allowed: 9"},
    {COLUMNS "^machine,A1,,pull,,,,,\n", "kind", "branch or device"},
    {COLUMNS "branch,B1,,,UTC,,^m,,\n", "model", "a branch has none"},
    {COLUMNS "device,A1,,pull,,^Joe,,,\n", "name", "a device has none"},
    {COLUMNS "^device,A1,,,,,,,\n", "role", "required"},
    {COLUMNS "device,A1,,^cat,,,,,\n", "role", "node|atm|pull"},
    {COLUMNS "device,A1,,pull,,,,^site,\n", "labels", "name=value"},
    {COLUMNS "device,A1,,pull,,,,^a=1;a=2,\n", "labels", "duplicate name"},
    {COLUMNS "device,A1,,pull,,,,,^a=b c\n", "versions.a", "a name"},
    {COLUMNS "device,A1,,pull,,,,,^a=b=c\n", "versions.a", "a name"},
    {COLUMNS "device,A1,,pull,,,x^\"y\",,\n", "", "a quote stands inside"},
    {COLUMNS "device,A1,,pull,,,^\"x,,\n", "", "closing quote"},
    {COLUMNS "device,A1,,pull,,,\"x\"^y,,\n", "", "a quote stands inside"},
    {COLUMNS "device,A1,,pull,,,,,\ndevice,^A1,,pull,,,,,\n", "id", "already, in line 2"},
    {COLUMNS "device,A1,,pull,,,^\xFF,,\n", "", "not UTF-8"},
};

static void each_wrong_fleet_is_a_fault_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_fleets); i++) {
        struct marked_text marked = marked_text(bad_fleets[i].text);
        struct document_faults faults = {0};
        struct fleet *fleet;
        enum tc_error error = fleet_parse(format_of(buffer_text(&marked.text)), buffer_text(&marked.text),
                                          marked.text.length, &fleet, &faults);
        assert_one_fault(&faults, &marked, bad_fleets[i].path, bad_fleets[i].detail);
        assert_int_equal(error, TC_INVALID);
        assert_null(fleet);
        document_faults_free(&faults);
        buffer_free(&marked.text);
    }
}

static void a_nul_in_csv_is_a_fault_at_its_place(void **state)
{
    (void)state;
    static const char text[] = "kind,id\ndevice,A\0001\n";
    struct document_faults faults = {0};
    struct fleet *fleet;
    assert_int_equal(fleet_parse(FLEET_CSV, text, sizeof text - 1, &fleet, &faults), TC_INVALID);
    assert_int_equal(faults.total, 1);
    assert_int_equal(faults.items[0].line, 2);
    assert_int_equal(faults.items[0].column, 9);
    document_faults_free(&faults);
}

static void every_line_with_a_fault_is_named(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_put_text(&text, COLUMNS);
    for (int i = 0; i < 1000; i++)
        buffer_format(&text, "device,A%d,,%s,,,,,\n", i, i % 10 == 3 ? "cat" : "pull");
    struct document_faults faults = {0};
    struct fleet *fleet;
    assert_int_equal(fleet_parse(FLEET_CSV, buffer_text(&text), text.length, &fleet, &faults), TC_INVALID);
    assert_int_equal(faults.total, 100);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(faults.items[i].line, 2 + 3 + 10 * i);
    document_faults_free(&faults);
    buffer_free(&text);
}

/* ---- examples and made-up fleets ------------------------------------------------------------ */

static struct fleet *read_file(const char *path, enum fleet_format format)
{
    struct buffer content = {0};
    assert_int_equal(file_read(path, 1 << 20, &content, NULL), TC_OK);
    struct fleet *fleet;
    struct document_faults faults = {0};
    assert_int_equal(fleet_parse(format, content.bytes, content.length, &fleet, &faults), TC_OK);
    buffer_free(&content);
    return fleet;
}

static void assert_same_text(const char *a, const char *b)
{
    assert_string_equal(a == NULL ? "(none)" : a, b == NULL ? "(none)" : b);
}

static void assert_same_fleet(const struct fleet *a, const struct fleet *b)
{
    assert_int_equal(a->branch_count, b->branch_count);
    for (size_t i = 0; i < a->branch_count; i++) {
        assert_same_text(a->branches[i].id, b->branches[i].id);
        assert_same_text(a->branches[i].name, b->branches[i].name);
        assert_same_text(a->branches[i].zone, b->branches[i].zone);
        assert_same_text(a->branches[i].labels, b->branches[i].labels);
    }
    assert_int_equal(a->device_count, b->device_count);
    for (size_t i = 0; i < a->device_count; i++) {
        const struct fleet_device *left = &a->devices[i], *right = &b->devices[i];
        assert_same_text(left->id, right->id);
        assert_same_text(left->branch, right->branch);
        assert_same_text(left->role, right->role);
        assert_same_text(left->model, right->model);
        assert_same_text(left->zone, right->zone);
        assert_same_text(left->labels, right->labels);
        assert_same_text(left->versions, right->versions);
    }
}

static void the_examples_are_right_and_the_same_in_both_formats(void **state)
{
    (void)state;
    struct fleet *yaml = read_file("config/examples/fleet-small.yaml", FLEET_YAML);
    struct fleet *csv = read_file("config/examples/fleet-small.csv", FLEET_CSV);
    assert_int_equal(yaml->branch_count, 3);
    assert_int_equal(yaml->device_count, 12);
    assert_same_fleet(yaml, csv);
    fleet_free(yaml);
    fleet_free(csv);
}

static char *generate(struct fleet_shape shape, enum fleet_format format)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    shape.format = format;
    assert_int_equal(fleet_generate(&shape, out, NULL), TC_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void a_made_up_fleet_is_right_repeatable_and_wide(void **state)
{
    (void)state;
    struct fleet_shape shape = {.branches = 300, .atms_per_branch = 3, .pull_clients = 50, .seed = 1};
    char *csv_text = generate(shape, FLEET_CSV), *yaml_text = generate(shape, FLEET_YAML);
    char *again = generate(shape, FLEET_CSV);
    shape.seed = 2;
    char *other = generate(shape, FLEET_CSV);
    assert_string_equal(csv_text, again);
    assert_string_not_equal(csv_text, other);

    struct fleet *csv = parse_good(csv_text), *yaml = parse_good(yaml_text);
    assert_same_fleet(csv, yaml);
    assert_int_equal(csv->branch_count, 300);
    assert_int_equal(csv->device_count, 300 * 4 + 50);
    const char *zones[8] = {NULL};
    size_t zone_count = 0;
    for (size_t i = 0; i < csv->branch_count; i++) {
        size_t z = 0;
        while (z < zone_count && strcmp(zones[z], csv->branches[i].zone) != 0)
            z++;
        assert_true(z < COUNT_OF(zones));
        if (z == zone_count)
            zones[zone_count++] = csv->branches[i].zone;
    }
    assert_true(zone_count >= 4);
    fleet_free(csv);
    fleet_free(yaml);
    free(csv_text);
    free(yaml_text);
    free(again);
    free(other);
}

static void a_shape_of_nothing_is_a_fleet_and_an_impossible_one_is_refused(void **state)
{
    (void)state;
    struct fleet_shape none = {.seed = 1};
    char *csv = generate(none, FLEET_CSV), *yaml = generate(none, FLEET_YAML);
    fleet_free(parse_good(csv));
    fleet_free(parse_good(yaml));
    free(csv);
    free(yaml);
    struct tc_fault fault;
    struct fleet_shape negative = {.branches = -1};
    assert_int_equal(fleet_generate(&negative, stderr, &fault), TC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_device_and_a_branch_is_read),
        cmocka_unit_test(csv_may_have_any_columns_in_any_order),
        cmocka_unit_test(a_fleet_may_be_empty_or_only_devices),
        cmocka_unit_test(each_wrong_fleet_is_a_fault_at_its_place),
        cmocka_unit_test(a_nul_in_csv_is_a_fault_at_its_place),
        cmocka_unit_test(every_line_with_a_fault_is_named),
        cmocka_unit_test(the_examples_are_right_and_the_same_in_both_formats),
        cmocka_unit_test(a_made_up_fleet_is_right_repeatable_and_wide),
        cmocka_unit_test(a_shape_of_nothing_is_a_fleet_and_an_impossible_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
