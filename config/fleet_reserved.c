#include "config/fleet_reserved.h"

#include <stddef.h>

const char *const fleet_reserved_ids[] = {"operator", "orchestrator", "tellercast", "tellercastd", NULL};
