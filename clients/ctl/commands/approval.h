/* Rows of what waits for an approval. Private to the commands. */
#ifndef TELLERCAST_CTL_APPROVAL_H
#define TELLERCAST_CTL_APPROVAL_H

#include "clients/ctl/screen/table.h"

#include <jansson.h>

enum { APPROVAL_COLUMNS = 7 };
extern const struct table_column approval_columns[APPROVAL_COLUMNS];
void approval_add(struct table *table, const json_t *approval);

#endif
