-- Gives the roles their passwords, in a new database, and keeps them out of the others: the server has nothing but
-- Tellercast. psql runs the commands in backquotes.
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
\set password `cat /tellercast/database/migrate`
ALTER ROLE tellercast_migrate PASSWORD :'password';
\set password `cat /tellercast/database/run`
ALTER ROLE tellercast_run PASSWORD :'password';
