/* A scope of a role, as an admin writes it: `region=emea,apac;site=branch`. Any thread.
 *
 * A device is in the scope when it has each of the labels, with one of its values; the labels are those of a plan's
 * selector, with model, role and branch. A value has no comma, semicolon or space at its ends. */
#ifndef TELLERCAST_CONFIG_SCOPE_TEXT_H
#define TELLERCAST_CONFIG_SCOPE_TEXT_H

#include "base/buffer.h"
#include "base/fault.h"

/* How many combinations of values a scope has at most: two labels with three values each have nine. */
#define SCOPE_COMBINATIONS_MAX 32

/* Appends the scope as JSON, with labels and values in order, each once: {"region":["apac","emea"],"site":["branch"]}.
 * TC_INVALID. */
enum tc_error scope_text_parse(const char *text, struct buffer *json, struct tc_fault *fault);

#endif
