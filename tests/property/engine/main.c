/* property-engine DATABASE: the real planner, scheduler and conductor, moved by commands on stdin, one a line as
 * ["name", [argument, ...]], each answered by one line of JSON. Whose clock they see is the database's affair.
 *
 *   migrate                          brings the schema to this version
 *   open CLAIM_BATCH                 opens the parts, after it closed those that were open
 *   clock MS                         what timers see
 *   fleet DOCUMENT                   YAML or JSON
 *   calendars DOCUMENT               those of the settings, as JSON
 *   order AUTHOR DOCUMENT            a plan: {"status", "body"} as HTTP's
 *   expand                           the planner's look for what was accepted
 *   schedule INSTANCE DELIVERED      the scheduler's look: {"rows": [[instruction, attempt, device, start before],
 * ...]}; not DELIVERED: its claims stay, as if it had died conduct INSTANCE                 the conductor's look
 *   operate NAME ROLLOUT VERSION ACTOR GROUP DIGEST
 *   report [INSTRUCTION, DEVICE, ATTEMPT, EVENT, SEQUENCE, PROGRESS, CODE] ... */
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
