/* Makes branches and devices of a fleet from rows, and checks them. A row is a map of texts with their positions, from
 * the reader of YAML or CSV. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_FLEET_BUILDER_H
#define TELLERCAST_CONFIG_FLEET_BUILDER_H

#include "config/fleet.h"
#include "config/key_path.h"
#include "config/tree.h"

struct fleet_builder;

/* `rules` may be NULL. The arguments must outlive the builder. */
struct fleet_builder *fleet_builder_open(const struct fleet_rules *rules, const struct fleet_sink *sink,
                                         struct document_faults *faults);
void fleet_builder_close(struct fleet_builder *builder);

/* Each passes the row to the sink, or adds faults. `path` is the path of the row, which may be freed afterwards. The
 * row of a branch may list its devices under "devices". */
void fleet_builder_add_branch(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);
void fleet_builder_add_device(struct fleet_builder *builder, const struct tree_node *row, struct key_path *path);

/* Call it after each row, also after one with faults. Returns false when the sink has ended the reading. */
bool fleet_builder_goes_on(struct fleet_builder *builder);

/* Each reads all rows of a document into the builder. */
void fleet_read_yaml(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults);
void fleet_read_csv(struct fleet_builder *builder, const char *bytes, size_t length, struct document_faults *faults);

#endif
