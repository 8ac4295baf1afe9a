/* Explains each instruction of the fleet, as `tellercast why` does. */
#include "orchestrator/store/why.h"

#include "tests/property/engine/commands.h"

static void put_instructions(const struct why_place *place, json_t *rows)
{
    for (size_t i = 0; i < place->instruction_count; i++) {
        const struct why_instruction *item = &place->instructions[i];
        json_t *codes = json_array();
        for (size_t at = 0; at < item->reason_count; at++)
            TC_CHECK(json_array_append_new(codes, json_string(why_code_name(item->reasons[at].code))) == 0);
        TC_CHECK(json_array_append_new(
                     rows, json_pack("[I,s,o]", (json_int_t)item->id, why_verdict_name(item->verdict), codes)) == 0);
    }
}

json_t *engine_explain(struct engine *engine, json_t *arguments)
{
    json_t *rows = json_array();
    struct tc_fault fault = {0};
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < json_array_size(arguments) && error == TC_OK; i++) {
        struct why_facts *facts;
        const char *device = json_string_value(json_array_get(arguments, i));
        error = why_read_device(engine->parts.store, device, NULL, DEFAULT_PER_MINUTE, &facts, &fault);
        size_t count = 0;
        struct why_place *places = error == TC_OK ? why_facts_places(facts, &count) : NULL;
        for (size_t at = 0; at < count; at++) {
            why_explain(&places[at]);
            put_instructions(&places[at], rows);
        }
        why_facts_free(facts);
    }
    if (error == TC_OK)
        return json_pack("{s:o}", "rows", rows);
    json_decref(rows);
    return json_pack("{s:s}", "error", fault.text);
}
