/* What the readers of YAML and CSV share: a row, as a map of texts with places, becomes a branch or a
 * device of the fleet, checked. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_FLEET_BUILDER_H
#define TELLERCAST_CONFIG_FLEET_BUILDER_H

#include "config/fleet.h"
#include "config/key_path.h"
#include "config/tree.h"

struct fleet_builder;

/* `rules` may be NULL; all must outlive the builder. */
struct fleet_builder *fleet_builder_open(const struct fleet_rules *rules, const struct fleet_sink *sink,
                                         struct document_faults *faults);
void fleet_builder_close(struct fleet_builder *builder);

/* Each gives the row to the sink, or adds faults. `path` is the row's; the row may go away afterwards. A branch's row
 * may hold its devices under "devices"; their branch is this one. */
void fleet_builder_add_branch(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);
void fleet_builder_add_device(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);

/* To be called at each row, whatever became of it. False: the sink wants no more. */
bool fleet_builder_goes_on(struct fleet_builder *builder);

/* The two formats: they read all rows of a document into the builder. */
void fleet_read_yaml(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults);
void fleet_read_csv(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults);

#endif
