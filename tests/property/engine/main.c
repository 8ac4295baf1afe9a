/* property-engine DATABASE: runs the real planner, scheduler and conductor by commands on stdin. A command is one line,
 * ["name", [argument, ...]], and its answer is one line of JSON. The parts use the clock of the database.
 *
 *   migrate                          brings the schema to this version
 *   open CLAIM_BATCH                 opens the parts; closes those that were open
 *   clock MS                         sets the time of all timers
 *   fleet DOCUMENT                   imports a fleet, YAML or JSON
 *   calendars DOCUMENT               sets the calendars of the settings, JSON
 *   order AUTHOR DOCUMENT            submits a plan; answers {"status", "body"} as HTTP does
 *   expand                           runs the planner's expander once
 *   schedule INSTANCE DELIVERED      runs the scheduler once; answers {"rows": [[instruction, attempt, device,
 *                                    start before], ...]}; not DELIVERED: keeps its claims, as if it had died
 *   conduct INSTANCE                 runs the conductor once
 *   explain DEVICE ...               answers {"rows": [[instruction, verdict, [code, ...]], ...]} of the places of
 * devices operate NAME ROLLOUT VERSION ACTOR GROUP DIGEST report [INSTRUCTION, DEVICE, ATTEMPT, EVENT, SEQUENCE,
 * PROGRESS, CODE] ... */
#include "base/log.h"
#include "tests/property/engine/commands.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

int main(int count, char **words)
{
    if (count != 2) {
        (void)fputs("property-engine DATABASE\n", stderr);
        return EXIT_USAGE;
    }
    log_set_level(LOG_LEVEL_ERROR);
    struct engine engine = {.database = words[1]};
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0)
        engine_run(&engine, line);
    free(line);
    engine_close(&engine);
    return EXIT_SUCCESS;
}
