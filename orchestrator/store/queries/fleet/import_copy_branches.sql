-- script
COPY imported_branch (line, id, name, zone, labels) FROM STDIN
