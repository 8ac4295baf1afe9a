#include "config/fleet_generate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct place {
    const char *zone, *region, *name;
};

/* Zones in the east and west, with whole and half hours, and with daylight saving time in the north, in the south, or
 * never. */
static const struct place places[] = {
    {"Europe/Berlin", "emea", "Berlin"},          {"America/New_York", "americas", "New York"},
    {"Asia/Shanghai", "apac", "Shanghai"},        {"Australia/Sydney", "apac", "Sydney"},
    {"Asia/Kolkata", "apac", "Mumbai"},           {"America/Sao_Paulo", "americas", "Sao Paulo"},
    {"Africa/Johannesburg", "emea", "Cape Town"}, {"America/St_Johns", "americas", "St. John's"},
};
static const char *const sites[] = {"branch", "branch", "branch", "mall", "station"};
static const char *const atm_models[] = {"selfserv-80", "selfserv-84", "recycler-7", "teller-9"};
static const char *const atm_versions[] = {"4.6.3", "4.7.0", "4.7.0", "4.7.1"};
static const char *const node_versions[] = {"2.1.0", "2.2.0"};

#define PICK(random, array) ((array)[next_random(random) % (sizeof(array) / sizeof *(array))])

/* splitmix64. */
static uint64_t next_random(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

struct generating {
    const struct fleet_shape *shape;
    FILE *out;
    uint64_t random;
};

struct made_device {
    char id[48];
    const char *branch; /* NULL: none */
    const char *role, *model, *zone, *artifact, *version;
};

static void branch_id(int64_t number, char id[static 24])
{
    (void)snprintf(id, 24, "B%05" PRId64, number);
}

static void write_branch(struct generating *generating, const char *id)
{
    const struct place *place = &PICK(&generating->random, places);
    const char *site = PICK(&generating->random, sites);
    if (generating->shape->format == FLEET_CSV)
        (void)fprintf(generating->out, "branch,%s,,,%s,%s %s,,region=%s;site=%s,\n", id, place->zone, place->name, id,
                      place->region, site);
    else
        (void)fprintf(generating->out, "  - {id: %s, name: \"%s %s\", zone: %s, labels: {region: %s, site: %s}}\n", id,
                      place->name, id, place->zone, place->region, site);
}

static void write_device(struct generating *generating, const struct made_device *device)
{
    const char *branch = device->branch == NULL ? "" : device->branch;
    const char *zone = device->zone == NULL ? "" : device->zone;
    if (generating->shape->format == FLEET_CSV) {
        (void)fprintf(generating->out, "device,%s,%s,%s,%s,,%s,%s,%s=%s\n", device->id, branch, device->role, zone,
                      device->model, device->branch == NULL ? "site=offsite" : "", device->artifact, device->version);
        return;
    }
    (void)fprintf(generating->out, "  - {id: %s, ", device->id);
    if (device->branch == NULL)
        (void)fprintf(generating->out, "zone: %s, labels: {site: offsite}, ", zone);
    else
        (void)fprintf(generating->out, "branch: %s, ", branch);
    (void)fprintf(generating->out, "role: %s, model: %s, versions: {%s: %s}}\n", device->role, device->model,
                  device->artifact, device->version);
}

static void write_branch_devices(struct generating *generating, const char *branch)
{
    struct made_device node = {.branch = branch, .role = "node", .model = "branch-box-2", .artifact = "node-app"};
    (void)snprintf(node.id, sizeof node.id, "%s", branch);
    node.version = PICK(&generating->random, node_versions);
    write_device(generating, &node);
    for (int64_t i = 1; i <= generating->shape->atms_per_branch; i++) {
        struct made_device atm = {.branch = branch, .role = "atm", .artifact = "atm-app"};
        (void)snprintf(atm.id, sizeof atm.id, "%.20s-A%" PRId64, branch, i);
        atm.model = PICK(&generating->random, atm_models);
        atm.version = PICK(&generating->random, atm_versions);
        write_device(generating, &atm);
    }
}

static void write_pull_client(struct generating *generating, int64_t number)
{
    struct made_device pull = {.role = "pull", .artifact = "atm-app"};
    (void)snprintf(pull.id, sizeof pull.id, "P%05" PRId64, number);
    pull.zone = PICK(&generating->random, places).zone;
    pull.model = PICK(&generating->random, atm_models);
    pull.version = PICK(&generating->random, atm_versions);
    write_device(generating, &pull);
}

static void write_all(struct generating *generating)
{
    const struct fleet_shape *shape = generating->shape;
    bool csv = shape->format == FLEET_CSV;
    char id[24];
    (void)fputs(csv ? "kind,id,branch,role,zone,name,model,labels,versions\n"
                    : "apiVersion: tellercast/v1\nkind: Fleet\n",
                generating->out);
    if (!csv)
        (void)fputs(shape->branches == 0 ? "branches: []\n" : "branches:\n", generating->out);
    for (int64_t i = 1; i <= shape->branches; i++) {
        branch_id(i, id);
        write_branch(generating, id);
    }
    if (!csv)
        (void)fputs(shape->branches + shape->pull_clients == 0 ? "devices: []\n" : "devices:\n", generating->out);
    for (int64_t i = 1; i <= shape->branches; i++) {
        branch_id(i, id);
        write_branch_devices(generating, id);
    }
    for (int64_t i = 1; i <= shape->pull_clients; i++)
        write_pull_client(generating, i);
}

static bool is_possible(int64_t count)
{
    return count >= 0 && count <= FLEET_SHAPE_MOST;
}

enum tc_error fleet_generate(const struct fleet_shape *shape, FILE *out, struct tc_fault *fault)
{
    if (!is_possible(shape->branches) || !is_possible(shape->atms_per_branch) || !is_possible(shape->pull_clients))
        return tc_fault_set(fault, TC_INVALID, "the numbers of branches, ATMs and pull clients must be 0 to %d",
                            FLEET_SHAPE_MOST);
    struct generating generating = {.shape = shape, .out = out, .random = shape->seed};
    write_all(&generating);
    if (fflush(out) != 0 || ferror(out) != 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "writing the fleet: %s", strerror(errno));
    return TC_OK;
}
