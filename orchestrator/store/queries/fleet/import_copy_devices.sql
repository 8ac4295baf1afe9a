-- Starts to copy the devices of the file to imported_device; the caller then sends the rows.
-- script
COPY imported_device (line, id, branch, role, zone, model, labels, versions) FROM STDIN
