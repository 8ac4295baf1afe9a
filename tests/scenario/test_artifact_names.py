"""One file may have many names; each is listed."""

from harness.programs import command_line


def test_a_known_file_by_another_name_is_new_by_that_name_and_says_what_it_is_the_same_as(stack):
    stack.orchestrator()
    file = stack.folder / "file"
    file.write_bytes(b"one content")

    def add(name, version):
        done = command_line("artifact", "add", file, "--name", name, "--version", version, "--server", stack.http.url)
        assert done.stdout.startswith(f"{name} {version} ")
        return done.stdout

    assert "(" not in add("atm-app", "4.7.1")
    assert "(the same file as atm-app 4.7.1)" in add("other", "1")
    renamed = add("atm-app", "4.7.2")
    assert "already stored" not in renamed
    assert "(the same file as atm-app 4.7.1, other 1)" in renamed
    again = add("atm-app", "4.7.2")
    assert "(already stored)" in again and "the same file as atm-app 4.7.1" in again
    rows = stack.database.rows("SELECT name, version FROM artifact ORDER BY name, version")
    assert [tuple(row.values()) for row in rows] == [("atm-app", "4.7.1"), ("atm-app", "4.7.2"), ("other", "1")]
    answers = [stack.http.add_artifact(b"one content", version=version) for version in ("4.7.2", "4.7.3")]
    assert [answer.status for answer in answers] == [200, 201]
    assert {"name": "other", "version": "1"} in answers[1].json()["same_as"]
