/* Settings are refused with a fault, or printing and loading them gives the same settings. */
#include "config/daemon.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct daemon_settings settings, again;
    struct document_faults faults = {0};
    enum tc_error error = settings_parse(&daemon_settings_table, bytes, length, &settings, &faults);
    TC_CHECK((error == TC_OK) == (faults.total == 0));
    json_decref(document_faults_json(&faults));
    document_faults_free(&faults);
    if (error != TC_OK) {
        settings_free(&daemon_settings_table, &settings);
        return 0;
    }

    struct buffer once = {0}, twice = {0};
    settings_print(&daemon_settings_table, &settings, &once);
    TC_CHECK(settings_parse(&daemon_settings_table, once.bytes, once.length, &again, &faults) == TC_OK);
    settings_print(&daemon_settings_table, &again, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    settings_free(&daemon_settings_table, &settings);
    settings_free(&daemon_settings_table, &again);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
