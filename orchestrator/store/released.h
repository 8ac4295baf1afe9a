/* Devices that are sent nothing more about an instruction, read from rows. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_RELEASED_H
#define TELLERCAST_ORCHESTRATOR_STORE_RELEASED_H

#include "orchestrator/store/conduct.h"
#include "orchestrator/store/connection.h"

void released_take_one(const struct sql_released *row, struct released *released);
/* The caller frees `*released`; NULL when there are no rows. */
void released_take(const struct sql_released_rows *rows, struct released **released, size_t *count);

#endif
