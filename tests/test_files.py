import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from ipe_sr import InputError, files


def test_replacing_writes_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old", encoding="utf-8")
    with files.replacing(target) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".txt" and temporary != target
        temporary.write_text("new", encoding="utf-8")
        assert target.read_text(encoding="utf-8") == "old"
    assert target.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    with files.replacing(tmp_path / "a.txt"):
        pass
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()])
def test_replacing_or_not_at_all(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(type(error)), files.replacing(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise error
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_the_users_problem(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt: cannot be written \(No space left"), files.replacing(tmp_path / "a.txt"):
        raise OSError(28, os.strerror(28))
    assert not any(tmp_path.iterdir())


def test_where_nothing_can_be_written(tmp_path):
    for path, word in ((tmp_path, "is a folder"), (tmp_path / "no" / "a.txt", "make .*no first")):
        with pytest.raises(InputError, match=word), files.replacing(path):
            pytest.fail("must not get here")
    assert not any(tmp_path.iterdir())


def test_trouble_with_other_files_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="other"), files.replacing(tmp_path / "a.txt"):
        (tmp_path / "other").read_text(encoding="utf-8")
    assert not any(tmp_path.iterdir())


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link.txt", tmp_path / "there" / "a.txt"
    link.symlink_to(target)
    for content in ("new", "newer"):
        with files.replacing(link) as temporary:
            temporary.write_text(content, encoding="utf-8")
        assert link.is_symlink() and target.read_text(encoding="utf-8") == content
    assert list(target.parent.iterdir()) == [target]
    target.unlink()
    target.parent.rmdir()
    with pytest.raises(InputError, match=r"link\.txt: its folder does not exist"):
        files.check_writable(link)


def test_what_is_writable_stays_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    files.check_writable(tmp_path / "a.txt")
    files.check_writable(tmp_path / "b.txt")
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["old"]
    with pytest.raises(InputError, match="is a folder"):
        files.check_writable(tmp_path)


@pytest.mark.parametrize(("text", "value"), [
    ("1e-4", 1e-4), ("1E5", 1e5), ("1.5e3", 1500.0), (".5", 0.5), ("-.5", -0.5), ("0x10", 16), ("10", 10), ("08", "08"),
    ("'1e-4'", "1e-4"), ("1e", "1e"), ("e5", "e5"), ("[1e-3, 2]", [1e-3, 2]), ("{rate: 2e-3}", {"rate": 2e-3}),
    ("yes", True), ("null", None), ("2024-01-31", "2024-01-31"), ("2024-13-45", "2024-13-45"),
])
def test_yaml_reads_numbers_as_people_write_them(text, value):
    """Floats need no point and no sign in the exponent; dates stay text, which JSON can hold."""
    read = files.parse_yaml(text, "a")
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("text", ["[", "a: b: c", "!!int x", "!!python/object:os.system x", "[" * 5000, "a\x01"])
def test_what_is_no_yaml_is_one_line(text):
    with pytest.raises(InputError, match=r"^a\.yaml: not readable as YAML \(") as caught:
        files.parse_yaml(text, "a.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [files.read_yaml, files.read_json])
def test_files_that_cannot_be_read_are_one_line_that_names_them(tmp_path, read):
    with pytest.raises(InputError, match=r"none: cannot be read \(No such file"):
        read(tmp_path / "none")
    for name, content, word in (("latin", b'"\xe9"', "is not UTF-8 text .byte 1"), ("cut", b'{"a": [1', "not readable as")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: {word}"):
            read(tmp_path / name)
    (tmp_path / "good").write_bytes('{"ä": 1.0e-3}'.encode())
    assert read(tmp_path / "good") == {"ä": 1e-3}


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"pixels" * 1000)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"pixels" * 1000).hexdigest()


def test_journal(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"12345")
    monkeypatch.delenv(files.JOURNAL, raising=False)
    files.note({"event": "unheard"})
    monkeypatch.setenv(files.JOURNAL, str(tmp_path / "journal"))
    assert not (tmp_path / "journal").exists()
    files.note({"event": "claim", "id": "01.1"})
    files.note_use(tmp_path / "a.png")
    first, second = map(json.loads, (tmp_path / "journal").read_text(encoding="utf-8").splitlines())
    assert first == {"event": "claim", "id": "01.1"}
    assert second == {"event": "data", "file": "a.png", "bytes": 5, "sha256": hashlib.sha256(b"12345").hexdigest()}


def test_a_path_beside_the_notebooks_is_found_from_any_folder(tmp_path, monkeypatch):
    notebooks = Path(files.__file__).parents[1] / "notebooks"
    if not notebooks.is_dir():
        pytest.skip("the package was installed without the notebooks")
    monkeypatch.chdir(notebooks)
    assert files.beside_notebooks("params") == Path("params")
    monkeypatch.chdir(tmp_path)
    assert files.beside_notebooks("params") == notebooks / "params"
    assert files.beside_notebooks("nowhere") == Path("nowhere")
    (tmp_path / "params").mkdir()
    assert files.beside_notebooks("params") == Path("params"), "the reader's own folder comes first"
