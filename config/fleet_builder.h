/* What the readers of YAML and CSV share: a row, as a map of texts with places, becomes a branch or a
 * device of the fleet, checked. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_FLEET_BUILDER_H
#define TELLERCAST_CONFIG_FLEET_BUILDER_H

#include "config/fleet.h"
#include "config/key_path.h"
#include "config/tree.h"

struct fleet_builder;

struct fleet_builder *fleet_builder_open(struct document_faults *faults);
/* The fleet as built so far, which the caller owns. */
struct fleet *fleet_builder_close(struct fleet_builder *builder);

/* Each adds a row or faults. `path` is the row's; the row may go away afterwards. A branch's row may
 * hold its devices under "devices"; their branch is this one. */
void fleet_builder_add_branch(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);
void fleet_builder_add_device(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);

/* The two formats: they read all rows of a document into the builder. */
void fleet_read_yaml(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults);
void fleet_read_csv(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults);

#endif
