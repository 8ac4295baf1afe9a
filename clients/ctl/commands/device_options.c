#include "clients/ctl/commands/device_options.h"

const struct option device_collect_options[] = {
    {"name", "NAME", NULL, option_required, "The file, by a name that the device knows."},
    REASON,
    {"wait", NULL, NULL, NULL, "Then wait for the file, and print it."},
    {"output", "FILE", NULL, NULL, "Wait, and write to this file. Short form: -o FILE."},
    {"timeout", "DURATION", NULL, NULL, "Wait no longer than this, such as 90s or 10m."},
    NO_OPTION,
};
const struct option device_enroll_options[] = {
    {"valid-for", "DURATION", NULL, "24h", "How long the code is good."},
    NO_OPTION,
};
