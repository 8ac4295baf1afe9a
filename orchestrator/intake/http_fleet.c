#include "base/log.h"
#include "config/scalar.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/wording/finding_words.h"

#include <inttypes.h>
#include <unistd.h>

static const char yaml_types[] = "application/yaml application/json application/x-yaml text/yaml text/x-yaml";
static const char csv_types[] = "text/csv";

void fleet_begin(struct http_request *request)
{
    if (!http_request_has_type(request, yaml_types) && !http_request_has_type(request, csv_types)) {
        http_answer_problem(request, 415, "the Content-Type of a fleet must be application/yaml or text/csv");
        return;
    }
    const char *zone = http_target_text(&request->target, "default_zone");
    if (zone != NULL && !scalar_is_zone(zone)) {
        http_answer_problem(request, 400, "default_zone: allowed: an IANA time zone, as Europe/Berlin");
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
    LOG_INFO("fleet.imported", F_STR("author", request->subject.name), F_INT("devices_added", imported->devices_added),
             F_INT("devices_changed", imported->devices_changed));
    http_answer_json(request, 200, &body);
}

static void import(struct http_request *request, const struct fleet_file *file, int scratch)
{
    struct document_faults faults = {0};
    struct store *store = http_act_take_store(request);
    struct fleet_imported imported;
    struct fleet_findings findings;
    struct tc_fault fault;
    enum tc_error error =
        inventory_import(store, file, scratch, http_request_scope(request), &imported, &faults, &findings, &fault);
    store_pool_give(request->http->config.stores, store);
    fleet_findings_add(&findings, &faults);
    if (error == TC_OK) {
        request->http->config.fleet_changed(request->http->config.context);
        answer_imported(request, &imported);
    } else if (faults.total > 0)
        http_answer_faults(request, "fleet", &faults);
    else
        http_answer_refusal(request, &imported.refusal, &fault);
    document_faults_free(&faults);
}

static void read_and_import(struct http_request *request)
{
    const struct fleet_file file = {
        .file = request->file,
        .format = http_request_has_type(request, csv_types) ? FLEET_CSV : FLEET_YAML,
        .rules = {.default_zone = http_target_text(&request->target, "default_zone"),
                  .broker_user = request->http->config.broker_user},
    };
    int scratch;
    struct tc_fault fault;
    if (artifact_store_scratch(request->http->config.artifacts, &scratch, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    import(request, &file, scratch);
    (void)close(scratch);
}

void fleet_import(struct http_request *request)
{
    if (pthread_mutex_trylock(&request->http->fleet_import) != 0) {
        http_answer_problem(request, 503, "another fleet import is running");
        return;
    }
    read_and_import(request);
    (void)pthread_mutex_unlock(&request->http->fleet_import);
}
