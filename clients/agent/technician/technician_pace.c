#include "clients/agent/technician/technician_pace.h"

int64_t technician_pace_next(struct technician_pace *pace, int64_t now_ms)
{
    int64_t at_ms = pace->least_ms > now_ms ? pace->least_ms : now_ms;
    pace->least_ms = at_ms + TECHNICIAN_PACE_MS;
    return at_ms;
}
