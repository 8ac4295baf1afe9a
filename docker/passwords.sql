-- Gives the roles their passwords, in a new database. psql runs the commands in backquotes.
\set password `cat /tellercast/database/migrate`
ALTER ROLE tellercast_migrate PASSWORD :'password';
\set password `cat /tellercast/database/run`
ALTER ROLE tellercast_run PASSWORD :'password';
