"""A backup of the database, made and restored as an operator does it."""

import subprocess


class Backup:
    def __init__(self, stack, name="backup"):
        self._database = stack.database
        self._file = stack.folder / f"{name}.dump"
        self._run("pg_dump", "--format=custom", f"--file={self._file}", f"--dbname={self._database.address}")

    def put_back_over(self):
        """Restores into the present database, table by table. Tries again when PostgreSQL ends the session in favour of
        another."""
        command = ("pg_restore", "--clean", "--if-exists", f"--dbname={self._database.address}", str(self._file))
        while True:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            if "deadlock detected" not in done.stderr:
                break
        assert done.returncode == 0, done.stderr

    def put_back(self):
        """Restores in place of the present database, even with clients connected to it."""
        self._database.make_anew()
        self._run("pg_restore", "--exit-on-error", f"--dbname={self._database.address}", str(self._file))

    @staticmethod
    def _run(*command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command}: {done.stderr}"
