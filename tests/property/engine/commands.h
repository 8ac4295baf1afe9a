/* The commands of the property engine. */
#ifndef TELLERCAST_TESTS_PROPERTY_ENGINE_COMMANDS_H
#define TELLERCAST_TESTS_PROPERTY_ENGINE_COMMANDS_H

#include "tests/property/engine/parts.h"

#include <jansson.h>

struct engine {
    const char *database;
    bool is_open;
    struct parts parts;
};

/* Runs one line and answers on stdout. Ends the program when the line is not a command. */
void engine_run(struct engine *engine, const char *line);
void engine_close(struct engine *engine);

/* operate.c: an operation of an operator on a rollout. */
json_t *engine_operate(struct engine *engine, json_t *arguments);
/* The return of a device to service. */
/* explain.c */
json_t *engine_explain(struct engine *engine, json_t *arguments);
json_t *engine_give_back(struct engine *engine, json_t *arguments);

/* freeze.c: the order of a freeze, and its lifting. */
json_t *engine_freeze(struct engine *engine, json_t *arguments);
json_t *engine_lift(struct engine *engine, json_t *arguments);

#endif
