#include "base/process.h"

#include "base/fault.h"

#include <sys/prctl.h>

void process_forbid_dumps(void)
{
    TC_CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}
