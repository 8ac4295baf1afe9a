/* tellercast-agent: what the technician at the machine asks its agent, and orders. */
#include "clients/agent/technician/technician_call.h"
#include "clients/technician/order.h"
#include "clients/technician/status_text.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_UNREACHABLE = 7 };

static int finish(const struct buffer *text, int code)
{
    bool is_written = fputs(buffer_text(text), stdout) >= 0 && fflush(stdout) == 0;
    if (!is_written)
        (void)fputs("tellercast-agent: cannot write to standard output\n", stderr);
    return is_written ? code : EXIT_FAILURE;
}

static int print_answer(const json_t *answer, bool prints_json)
{
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    bool is_done = json_is_true(json_object_get(answer, "ok"));
    struct buffer text = {0};
    if (prints_json) {
        char *document = json_dumps(answer, JSON_INDENT(2));
        if (document != NULL)
            buffer_format(&text, "%s\n", document);
        free(document);
    } else if (is_done) {
        status_text_put(json_object_get(answer, "status"), &text);
    }
    if (!is_done)
        (void)fprintf(stderr, "tellercast-agent: refused: %s\n", detail == NULL ? "the agent gives no reason" : detail);
    int code = finish(&text, is_done ? EXIT_SUCCESS : EXIT_FAILURE);
    buffer_free(&text);
    return code;
}

static const char *advice(enum tc_error error)
{
    switch (error) {
    case TC_NOT_FOUND: return "; name the agent's technician.socket by --socket";
    case TC_DENIED: return "; be root, the agent's own user, or a member of its technician.group";
    case TC_UNAVAILABLE: return "; does the agent run?";
    default: return "";
    }
}

int main(int argument_count, char **arguments)
{
    struct order order;
    struct tc_fault fault;
    json_t *answer;
    if (!order_read(argument_count, arguments, &order))
        return EXIT_USAGE;
    if (order.prints_help) {
        order_print_help(stdout);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (order.prints_version) {
        (void)printf("tellercast-agent %s\n", TELLERCAST_VERSION);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    enum tc_error error = technician_call(order.socket_path, &order.request, &answer, &fault);
    if (error != TC_OK) {
        (void)fprintf(stderr, "tellercast-agent: %s%s\n", fault.text, advice(error));
        return error == TC_DENIED ? EXIT_FAILURE : EXIT_UNREACHABLE;
    }
    int code = print_answer(answer, order.prints_json);
    json_decref(answer);
    return code;
}
