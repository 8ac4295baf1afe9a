/* A fleet in either format is refused with a fault, or every branch and device is complete. */
#include "base/id.h"
#include "config/fleet.h"

#include <stdint.h>
#include <string.h>

static void check_map(const char *text)
{
    json_t *map = json_loads(text, 0, NULL);
    TC_CHECK(json_is_object(map));
    json_decref(map);
}

static void read_as(enum fleet_format format, const uint8_t *bytes, size_t length)
{
    struct fleet *fleet;
    struct document_faults faults = {0};
    enum tc_error error = fleet_parse(format, bytes, length, &fleet, &faults);
    TC_CHECK((error == TC_OK) == (faults.total == 0) && (fleet != NULL) == (error == TC_OK));
    json_decref(document_faults_json(&faults));
    document_faults_free(&faults);
    for (size_t i = 0; fleet != NULL && i < fleet->branch_count; i++) {
        TC_CHECK(id_is_valid(fleet->branches[i].id, strlen(fleet->branches[i].id)));
        TC_CHECK(fleet->branches[i].zone != NULL && fleet->branches[i].name != NULL);
        check_map(fleet->branches[i].labels);
    }
    for (size_t i = 0; fleet != NULL && i < fleet->device_count; i++) {
        const struct fleet_device *device = &fleet->devices[i];
        TC_CHECK(id_is_valid(device->id, strlen(device->id)));
        TC_CHECK(device->branch != NULL || strcmp(device->role, "pull") == 0);
        TC_CHECK((strcmp(device->role, "node") == 0) ==
                 (device->branch != NULL && strcmp(device->id, device->branch) == 0));
        check_map(device->labels);
        check_map(device->versions);
    }
    fleet_free(fleet);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    read_as(FLEET_YAML, bytes, length);
    read_as(FLEET_CSV, bytes, length);
    return 0;
}
