#include "config/fleet.h"

#include "config/fleet_builder.h"

enum tc_error fleet_parse(enum fleet_format format, const void *bytes, size_t length, struct fleet **fleet,
                          struct document_faults *faults)
{
    *fleet = NULL;
    size_t faults_before = faults->total;
    struct fleet_builder *builder = fleet_builder_open(faults);
    if (format == FLEET_YAML)
        fleet_read_yaml(builder, bytes, length, faults);
    else
        fleet_read_csv(builder, bytes, length, faults);
    struct fleet *fresh = fleet_builder_close(builder);
    if (faults->total > faults_before) {
        document_faults_sort(faults);
        fleet_free(fresh);
        return TC_INVALID;
    }
    *fleet = fresh;
    return TC_OK;
}
