/* Imported files: as office programs write them, and the rules of a new fleet. */
#include "config/fleet.h"
#include "document_check.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define HEAD "apiVersion: tellercast/v1\nkind: Fleet\n"
#define COLUMNS "kind,id,branch,role,zone,name,model,labels,versions\n"

static enum fleet_format format_of(const char *text)
{
    return strncmp(text, "kind,", 5) == 0 ? FLEET_CSV : FLEET_YAML;
}

/* ---- files of office programs ----------------------------------------------------------------- */

#define MARK "\xEF\xBB\xBF"
#define NBSP "\xC2\xA0"

static const struct {
    const char *what, *text;
} office_files[] = {
    {"semicolons", "kind;id;branch;role;labels\r\ndevice;A1;B1;atm;\"site=x;floor=2\"\r\n"},
    {"tabs", "kind\tid\tbranch\trole\tlabels\ndevice\tA1\tB1\tatm\tsite=x;floor=2\n"},
    {"a line that names the separator",
     "sep=;\r\nkind;id;branch;role;labels\r\ndevice;A1;B1;atm;\"site=x;floor=2\"\r\n"},
    {"the same in quotes, after a mark",
     MARK "\"sep=\t\"\nkind\tid\tbranch\trole\tlabels\ndevice\tA1\tB1\tatm\tsite=x;floor=2\n"},
    {"SEP=,", "SEP=,\nkind,id,branch,role,labels\ndevice,A1,B1,atm,site=x;floor=2\n"},
    {"carriage returns alone", "kind,id,branch,role,labels\rdevice,A1,B1,atm,site=x;floor=2\r"},
    {"rows of separators alone",
     ",,,,\nkind,id,branch,role,labels\n,,,,\ndevice,A1,B1,atm,site=x;floor=2\n,,,,\n , ,\t,,\n\n"},
    {"empty columns to the end", "kind,id,branch,role,labels,,,\ndevice,A1,B1,atm,site=x;floor=2,,,\n,,,,,,,\n"},
    {"rows longer than the header", "kind,id,branch,role,labels\ndevice,A1,B1,atm,site=x;floor=2,,,,,,\n"},
    {"blanks around", " Kind ," NBSP "ID" NBSP ", branch,ROLE,Labels\n device, A1 ,B1" NBSP ",atm\t,site=x;floor=2 \n"},
    {"quotes around all",
     "\"kind\",\"id\",\"branch\",\"role\",\"labels\"\n\"device\" , \"A1\",\"B1\",\"atm\",\"site=x;floor=2\"\n"},
};

static void what_office_programs_write_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(office_files); i++) {
        struct fleet *fleet = NULL;
        struct document_faults faults = {0};
        const char *text = office_files[i].text;
        enum tc_error error = fleet_parse(FLEET_CSV, text, strlen(text), &fleet, &faults);
        if (error != TC_OK)
            print_error("%s: %s\n", office_files[i].what, faults.items[0].detail);
        assert_int_equal(error, TC_OK);
        assert_int_equal(fleet->device_count, 1);
        assert_string_equal(fleet->devices[0].id, "A1");
        assert_string_equal(fleet->devices[0].branch, "B1");
        assert_string_equal(fleet->devices[0].labels, "{\"floor\":\"2\",\"site\":\"x\"}");
        fleet_free(fleet);
    }
}

static void the_line_of_a_fault_counts_every_kind_of_line_end(void **state)
{
    (void)state;
    static const char text[] = "kind,id,branch,role,labels\rdevice,A1,B1,atm,\"a=x\ry\"\r\n,,,,\ndevice,A2,B1,cat,\n";
    struct fleet *fleet;
    struct document_faults faults = {0};
    assert_int_equal(fleet_parse(FLEET_CSV, text, sizeof text - 1, &fleet, &faults), TC_INVALID);
    assert_int_equal(faults.total, 1);
    assert_int_equal(faults.items[0].line, 5);
    assert_int_equal(faults.items[0].column, 14);
    document_faults_free(&faults);
}

static void what_is_no_text_is_refused_by_its_name(void **state)
{
    (void)state;
    static const struct {
        enum fleet_format format;
        const char *bytes;
        size_t length;
        const char *detail;
    } rows[] = {
        {FLEET_CSV, "\xFF\xFEk\0i\0n\0", 8, "UTF-16"},    {FLEET_CSV, "\xFE\xFF\0k\0i", 6, "UTF-16"},
        {FLEET_CSV, "k\0i\0n\0d\0", 8, "UTF-16"},         {FLEET_YAML, "\xFF\xFEk\0i\0n\0", 8, "UTF-16"},
        {FLEET_CSV, "PK\x03\x04xxxx", 8, "workbook"},     {FLEET_CSV, "\xD0\xCF\x11\xE0xxxx", 8, "office document"},
        {FLEET_CSV, "sep=|\nkind|id\n", 14, "separator"}, {FLEET_CSV, "", 0, "the file is empty"},
        {FLEET_CSV, ",,\n", 3, "the file is empty"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fleet *fleet;
        struct document_faults faults = {0};
        assert_int_equal(fleet_parse(rows[i].format, rows[i].bytes, rows[i].length, &fleet, &faults), TC_INVALID);
        assert_int_equal(faults.total, 1);
        if (strstr(faults.items[0].detail, rows[i].detail) == NULL)
            fail_msg("%zu: %s", i, faults.items[0].detail);
        assert_int_equal(faults.items[0].line, 1);
        document_faults_free(&faults);
    }
}

static void a_row_without_an_end_is_refused_before_it_fills_the_memory(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_put_text(&text, COLUMNS "device,\"A1,,pull,,,,,\n");
    for (int i = 0; i < 200000; i++)
        buffer_format(&text, "device,A%d,,pull,,,,,\n", i);
    struct fleet *fleet;
    struct document_faults faults = {0};
    assert_int_equal(fleet_parse(FLEET_CSV, buffer_text(&text), text.length, &fleet, &faults), TC_INVALID);
    assert_int_equal(faults.total, 1);
    assert_int_equal(faults.items[0].line, 2);
    assert_non_null(strstr(faults.items[0].detail, "a quote not closed"));
    document_faults_free(&faults);
    buffer_free(&text);
}

/* ---- the rules of an import ------------------------------------------------------------------- */

static bool take_device(void *context, const struct fleet_device *device)
{
    struct fleet_device *first = context;
    if (first->line == 0)
        *first = (struct fleet_device){.zone = device->zone, .line = device->line};
    return true;
}

static bool take_branch(void *context, const struct fleet_branch *branch)
{
    (void)context, (void)branch;
    return true;
}

static void a_new_fleet_keeps_the_rules_of_an_import(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *detail;
    } rows[] = {
        {HEAD "devices: [^{id: P1, role: pull}]\n", "devices[0].zone", "names its zone"},
        {HEAD "devices: [{id: ^orchestrator, role: pull, zone: UTC}]\n", "devices[0].id", "another broker user"},
        {HEAD "devices: [{id: ^operator, branch: B1, role: atm}]\n", "devices[0].id", "another broker user"},
        {HEAD "devices: [{id: ^tellercastd, role: pull, zone: UTC}]\n", "devices[0].id", "another broker user"},
        {HEAD "devices: [{id: ^mq-user, branch: B1, role: atm}]\n", "devices[0].id", "another broker user"},
        {HEAD "branches: [{id: ^tellercast, zone: UTC}]\n", "branches[0].id", "another broker user"},
        {HEAD "devices: [{id: A1, branch: B1, role: atm, labels: {role: ^x}}]\n", "devices[0].labels.role",
         "every device already has this label"},
        {HEAD "devices: [{id: A1, branch: B1, role: atm, labels: {a: b, model: ^x}}]\n", "devices[0].labels.model",
         "every device already has this label"},
        {HEAD "branches: [{id: B1, zone: UTC, labels: {branch: ^x}}]\n", "branches[0].labels.branch",
         "every device already has this label"},
        {COLUMNS "device,A1,B1,atm,,,,^site=x;branch=B1,\n", "labels.branch", "every device already has this label"},
        {COLUMNS "device,^1.23E+05,B1,atm,,,,,\n", "id", "a spreadsheet has shortened"},
        {COLUMNS "device,A1,B1,atm,,,,^contract=4E+11,\n", "labels", "a spreadsheet has shortened"},
        {COLUMNS "device,^A\xC2\xA0"
                 "1,B1,atm,,,,,\n",
         "id", "non-breaking"},
    };
    const struct fleet_rules rules = {.broker_user = "mq-user"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct marked_text marked = marked_text(rows[i].text);
        struct document_faults faults = {0};
        struct fleet_device device = {0};
        const struct fleet_sink sink = {&device, take_branch, take_device, NULL};
        const char *text = buffer_text(&marked.text);
        assert_int_equal(fleet_read(format_of(text), text, marked.text.length, &rules, &sink, &faults), TC_INVALID);
        assert_one_fault(&faults, &marked, rows[i].path, rows[i].detail);
        document_faults_free(&faults);
        buffer_free(&marked.text);
    }
}

static void a_default_zone_is_for_devices_that_have_none(void **state)
{
    (void)state;
    static const char text[] = HEAD "devices: [{id: P1, role: pull}, {id: P2, role: pull}]\n";
    const struct fleet_rules rules = {.default_zone = "Asia/Tokyo"};
    struct document_faults faults = {0};
    struct fleet_device device = {0};
    const struct fleet_sink sink = {&device, take_branch, take_device, NULL};
    assert_int_equal(fleet_read(FLEET_YAML, text, sizeof text - 1, &rules, &sink, &faults), TC_OK);
    assert_string_equal(device.zone, "Asia/Tokyo");
    assert_int_equal(device.line, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_office_programs_write_is_read),
        cmocka_unit_test(the_line_of_a_fault_counts_every_kind_of_line_end),
        cmocka_unit_test(what_is_no_text_is_refused_by_its_name),
        cmocka_unit_test(a_row_without_an_end_is_refused_before_it_fills_the_memory),
        cmocka_unit_test(a_new_fleet_keeps_the_rules_of_an_import),
        cmocka_unit_test(a_default_zone_is_for_devices_that_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
