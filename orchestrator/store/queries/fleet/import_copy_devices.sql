-- script
COPY imported_device (line, id, branch, role, zone, model, labels, versions) FROM STDIN
