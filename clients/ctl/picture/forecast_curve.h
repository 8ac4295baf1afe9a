/* Draws the curves of a rollout's forecast on one axis of time: what was planned, what was done, and the span from the
 * best to the worst end. Reads the daemon's document, which may be invalid. One thread. */
#ifndef TELLERCAST_CTL_PICTURE_FORECAST_CURVE_H
#define TELLERCAST_CTL_PICTURE_FORECAST_CURVE_H

#include "clients/ctl/screen/screen.h"

#include <jansson.h>

/* Draws at most four lines, with block characters or, without UTF-8, with ASCII. Draws nothing when the document has no
 * numbers of devices or no span of time. */
void forecast_curve_put(const json_t *forecast, const struct screen *screen, struct buffer *out);

#endif
