/* How much each person may upload: unfinished uploads at a time, and bytes in a day. Only received bytes count, also
 * those of uploads that fail: an announced length reserves nothing. Nothing is remembered over a restart. Any thread.
 */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_UPLOAD_QUOTA_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_UPLOAD_QUOTA_H

#include "base/fault.h"

#include <stddef.h>
#include <stdint.h>

struct upload_quota;

struct upload_quota *upload_quota_open(int uploads_max, int64_t daily_bytes);
void upload_quota_close(struct upload_quota *quota); /* NULL is allowed */

/* Begins an upload of `size_bytes`, at a monotonic time. TC_BUSY: the person has too many unfinished ones, or fewer
 * bytes left; nothing has begun, and the fault says when there is room. */
enum tc_error upload_quota_begin(struct upload_quota *quota, const char *person, int64_t size_bytes, int64_t now_ms,
                                 struct tc_fault *fault);
/* Counts received bytes of an upload that has begun and has not ended. */
void upload_quota_count(struct upload_quota *quota, const char *person, size_t length, int64_t now_ms);
/* Ends an upload that has begun. */
void upload_quota_end(struct upload_quota *quota, const char *person);

#endif
