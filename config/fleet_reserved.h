/* Reserved IDs of devices and branches. */
#ifndef TELLERCAST_CONFIG_FLEET_RESERVED_H
#define TELLERCAST_CONFIG_FLEET_RESERVED_H

/* IDs that no new device and no new branch may have: users of the broker's access list. Ends with NULL. */
extern const char *const fleet_reserved_ids[];

#endif
