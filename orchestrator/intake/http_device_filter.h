/* The parameters that choose devices: q, label, model, version, state and online. Private to the HTTP endpoint. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_DEVICE_FILTER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_DEVICE_FILTER_H

#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/device_list.h"

struct device_filter_texts {
    struct device_filter filter; /* borrows the texts, and those of the request */
    struct buffer labels, versions;
};

/* Reads the filter, with the scope of the subject. TC_INVALID: a parameter is wrong; otherwise the caller calls
 * device_filter_texts_free. */
enum tc_error http_read_device_filter(struct http_request *request, struct device_filter_texts *texts,
                                      struct tc_fault *fault);
/* Reads the labels alone: `label`, repeated, and `model`, as a JSON object. */
enum tc_error http_read_labels(const struct http_request *request, struct buffer *json, struct tc_fault *fault);
void device_filter_texts_free(struct device_filter_texts *texts);

#endif
