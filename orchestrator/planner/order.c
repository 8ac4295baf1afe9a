#include "orchestrator/planner/order.h"

#include "base/buffer.h"
#include "base/fault.h"
#include "topics/json_text.h"

const char *door_name(enum door door)
{
    switch (door) {
    case DOOR_HTTP: return "http";
    case DOOR_MQTT: return "mqtt";
    case DOOR_SOCKET: return "socket";
    }
    TC_CHECK(!"a door");
    return "";
}

/* The reason phrases of RFC 9110 and RFC 6585 for the statuses that this program gives. */
static const struct {
    int status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    TC_CHECK(!"a status that has a title");
    return "";
}

void order_write_problem(int status, const char *detail, struct buffer *body)
{
    buffer_format(body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", title_of(status),
                  status);
    json_text_put(body, detail);
    buffer_put_text(body, "}");
}
