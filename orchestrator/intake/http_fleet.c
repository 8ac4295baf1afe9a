#include "base/log.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/inventory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

static const char yaml_types[] = "application/yaml application/json application/x-yaml text/yaml text/x-yaml";
static const char csv_types[] = "text/csv";

void fleet_begin(struct http_request *request)
{
    if (!http_request_has_type(request, yaml_types) && !http_request_has_type(request, csv_types)) {
        http_answer_problem(request, 415, "a fleet's Content-Type is application/yaml or text/csv");
        return;
    }
    request->body_limit = request->http->config.fleet_size_limit;
    struct tc_fault fault;
    if (artifact_store_scratch(request->http->config.artifacts, &request->file, &fault) != TC_OK)
        http_answer_fault(request, &fault);
}

static void answer_imported(struct http_request *request, const struct fleet_imported *imported)
{
    struct buffer body = {0};
    buffer_format(&body,
                  "{\"branches\":{\"added\":%" PRId64 ",\"changed\":%" PRId64 ",\"same\":%" PRId64
                  "},\"devices\":{\"added\":%" PRId64 ",\"changed\":%" PRId64 ",\"same\":%" PRId64 "}}",
                  imported->branches_added, imported->branches_changed, imported->branches_same,
                  imported->devices_added, imported->devices_changed, imported->devices_same);
    LOG_INFO("fleet.imported", F_STR("author", request->author), F_INT("devices_added", imported->devices_added),
             F_INT("devices_changed", imported->devices_changed));
    http_answer_json(request, 200, &body);
}

static void import(struct http_request *request, const struct fleet *fleet, struct document_faults *faults)
{
    struct store *store = store_pool_take(request->http->config.stores);
    struct fleet_imported imported;
    struct tc_fault fault;
    enum tc_error error = inventory_import(store, fleet, &imported, faults, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK)
        answer_imported(request, &imported);
    else if (faults->total > 0)
        http_answer_faults(request, "fleet", faults);
    else
        http_answer_fault(request, &fault);
}

static void read_and_import(struct http_request *request, const char *bytes, size_t length)
{
    struct document_faults faults = {0};
    struct fleet *fleet = NULL;
    enum fleet_format format = http_request_has_type(request, csv_types) ? FLEET_CSV : FLEET_YAML;
    if (fleet_parse(format, bytes, length, &fleet, &faults) == TC_OK)
        import(request, fleet, &faults);
    else
        http_answer_faults(request, "fleet", &faults);
    fleet_free(fleet);
    document_faults_free(&faults);
}

void fleet_import(struct http_request *request)
{
    if (pthread_mutex_trylock(&request->http->fleet_import) != 0) {
        http_answer_problem(request, 503, "another fleet is being imported");
        return;
    }
    size_t length = (size_t)request->body_received;
    void *bytes = length == 0 ? NULL : mmap(NULL, length, PROT_READ, MAP_PRIVATE, request->file, 0);
    if (bytes == MAP_FAILED) {
        http_answer_problem(request, 503, "read the fleet: %s", strerror(errno));
    } else {
        read_and_import(request, bytes == NULL ? "" : bytes, length);
        if (bytes != NULL)
            (void)munmap(bytes, length);
    }
    (void)pthread_mutex_unlock(&request->http->fleet_import);
}
