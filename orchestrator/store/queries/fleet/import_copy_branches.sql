-- Starts to copy the branches of the file to imported_branch; the caller then sends the rows.
-- script
COPY imported_branch (line, id, name, zone, labels) FROM STDIN
