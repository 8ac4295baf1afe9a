/* People in place of the database: the token `secret-of-NAME`, and the alias NAME of every kind, are those of the
 * person NAME, whose roles are those of its table. */
#ifndef TELLERCAST_TESTS_UNIT_PEOPLE_STUBS_H
#define TELLERCAST_TESTS_UNIT_PEOPLE_STUBS_H

#include "orchestrator/people/people.h"

#include <stdbool.h>

/* Nobody can be found now. */
extern bool people_stub_is_lost;

#endif
