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

/* Runs one line and answers on stdout. A line that is no command ends the program. */
void engine_run(struct engine *engine, const char *line);
void engine_close(struct engine *engine);

/* operate.c: what a person orders. */
json_t *engine_operate(struct engine *engine, json_t *arguments);
/* The same on a device: that it is back. */
json_t *engine_give_back(struct engine *engine, json_t *arguments);

#endif
