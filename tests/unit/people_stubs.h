/* People in place of the database: the token `secret-of-NAME`, and the alias NAME of every kind, are those of the
 * person NAME, whose roles are those of its table. */
#ifndef TELLERCAST_TESTS_UNIT_PEOPLE_STUBS_H
#define TELLERCAST_TESTS_UNIT_PEOPLE_STUBS_H

#include "orchestrator/people/people.h"
#include "orchestrator/recorder/recorder.h"

#include <stdbool.h>

/* Nobody can be found now. */
extern bool people_stub_is_lost;

/* What the recorder was given last: "PERSON VERB KIND/OBJECT OUTCOME: REFUSAL", with "?NAME" for a peer that is not
 * known. */
enum { RECORDED_SIZE = 1024 };
extern char people_stub_recorded[RECORDED_SIZE];
extern int people_stub_recorded_count;

#endif
