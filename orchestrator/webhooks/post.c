#include "orchestrator/webhooks/post.h"

#include "base/clock.h"
#include "orchestrator/outbound/https_request.h"
#include "orchestrator/webhooks/signature.h"

#include <inttypes.h>
#include <sodium.h>

enum { MS_PER_SECOND = 1000, HTTP_GONE = 410, HTTP_CLASS = 100, HTTP_CLASS_GOOD = 2 };

/* One signature for each secret: while a secret is replaced, the receiver knows one of both. */
static enum tc_error put_signatures(const struct webhook_post *post, int64_t time_s, struct buffer *header,
                                    struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    for (size_t i = 0; error == TC_OK && i < post->webhook->secret_count; i++) {
        struct webhook_secret secret;
        error = webhook_secret_read(post->webhook->secret_files[i], &secret, fault);
        if (error == TC_OK)
            webhook_sign(&secret, post->id, time_s, post->body, header);
        sodium_memzero(&secret, sizeof secret);
    }
    return error;
}

static enum tc_error judge(long status, struct tc_fault *fault)
{
    if (status / HTTP_CLASS == HTTP_CLASS_GOOD)
        return TC_OK;
    if (status == HTTP_GONE)
        return tc_fault_set(fault, TC_NOT_FOUND, "the receiver answered 410: it wants no more events");
    return tc_fault_set(fault, TC_UNAVAILABLE, "the receiver answered %ld", status);
}

enum tc_error webhook_send(const struct webhook_post *post, struct tc_fault *fault)
{
    struct buffer signatures = {0}, id = {0}, time = {0}, signature = {0};
    int64_t time_s = clock_now_ms() / MS_PER_SECOND;
    long status = 0;
    enum tc_error error = put_signatures(post, time_s, &signatures, fault);
    buffer_format(&id, "webhook-id: %s", post->id);
    buffer_format(&time, "webhook-timestamp: %" PRId64, time_s);
    buffer_format(&signature, "webhook-signature: %s", buffer_text(&signatures));
    const char *const headers[] = {"Content-Type: application/json", buffer_text(&id), buffer_text(&time),
                                   buffer_text(&signature), NULL};
    const struct https_request request = {.url = post->webhook->url,
                                          .body = post->body,
                                          .headers = headers,
                                          .ca_file = post->webhook->ca_file,
                                          .allows_loopback = post->allows_loopback,
                                          .request_ms = WEBHOOK_REQUEST_MS,
                                          .answer_max = WEBHOOK_ANSWER_MAX,
                                          .stop = post->stop};
    if (error == TC_OK)
        error = https_send(&request, &status, NULL, fault);
    if (error == TC_OK)
        error = judge(status, fault);
    buffer_free(&signatures);
    buffer_free(&id);
    buffer_free(&time);
    buffer_free(&signature);
    return error;
}
