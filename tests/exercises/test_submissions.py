"""What lies in the folder of submissions is looked at once; what cannot be matched is open and named. No notebook is run."""

import os
import zipfile

import nbformat
import pytest

from ipe_sr.coursework import roster
from ipe_sr.coursework.limits import Limits
from ipe_sr.coursework.submissions import Survey, plain_name
from ipe_sr.errors import InputError
from tests.exercises import course_world as world

pytest.importorskip("nbgrader", reason="the made-up course needs nbgrader: pip install 'ipe_sr[course]'")

NAME, OTHER = world.NAME, "02_another"


def survey(folder, ids=None, limits=None):
    return Survey(folder, [NAME, OTHER], ids, limits or Limits())


def hand_in(folder, path, data=None):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(nbformat.writes(world.answered(world.GOOD)).encode() if data is None else data)


def test_a_notebook_at_its_place_is_kept_as_it_was_at_the_first_look(tmp_path):
    hand_in(tmp_path, f"ada/{NAME}.ipynb", b"first")
    hand_in(tmp_path, f"bob/{NAME}/{NAME}.ipynb", b"as nbgrader lays it out")
    found = survey(tmp_path)
    hand_in(tmp_path, f"ada/{NAME}.ipynb", b"second")
    (tmp_path / f"bob/{NAME}/{NAME}.ipynb").unlink()
    assert found.students == ["ada", "bob"] and not found.strays
    assert found.read(found.found["ada", NAME]) == b"first"
    assert found.read(found.found["bob", NAME]) == b"as nbgrader lays it out"
    assert ("ada", OTHER) not in found.found, "what is not there is missing, not open"


@pytest.mark.parametrize("path", [
    f"{NAME} (1).ipynb", f"{NAME}-Copy1.ipynb", f"{NAME.upper()}.ipynb", f"{NAME}.IPYNB", f"{NAME}.ipynb.txt",
    f"deeper/{NAME}.ipynb", f"homework/deeper/{NAME}.ipynb", f"{NAME}.zip", f"ada_{NAME}.ipynb", "homework.ipynb",
    f"{NAME}.ipynb.json", "01 made up.ipynb", f"{NAME}-1.ipynb", f"Copy of {NAME}.ipynb",
])
def test_a_file_with_another_name_is_open_and_named_and_only_where_it_may_be_meant(tmp_path, path):
    hand_in(tmp_path, f"ada/{path}")
    found = survey(tmp_path)
    assert path in found.found["ada", NAME].problem and NAME in found.found["ada", NAME].problem
    assert any(path in line for line in found.strays)
    assert path.endswith(".zip") or ("ada", OTHER) not in found.found


def test_a_file_that_may_be_anything_leaves_each_missing_notebook_open_but_not_those_that_are_there(tmp_path):
    hand_in(tmp_path, f"ada/{NAME}.ipynb")
    hand_in(tmp_path, "ada/work.zip", b"PK")
    found = survey(tmp_path)
    assert found.found["ada", NAME].problem is None
    assert "work.zip; unpack it" in found.found["ada", OTHER].problem


def test_pictures_hidden_files_and_checkpoints_say_nothing(tmp_path):
    for path in ("a.png", ".DS_Store", f".ipynb_checkpoints/{NAME}-checkpoint.ipynb", "__MACOSX/x.ipynb"):
        hand_in(tmp_path, f"ada/{path}", b"x")
    found = survey(tmp_path)
    assert found.students == ["ada"] and not found.found and not found.strays


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path):
    for student in ("folder", "link", "loop", "device", "pipe", "large", "sparse"):
        (tmp_path / student).mkdir()
    place = {student: tmp_path / student / f"{NAME}.ipynb" for student in os.listdir(tmp_path)}
    (place["folder"] / "inside").mkdir(parents=True)
    place["link"].symlink_to("/etc/hostname")
    place["loop"].symlink_to(place["loop"])
    place["device"].symlink_to("/dev/zero")
    os.mkfifo(place["pipe"])
    place["large"].write_bytes(bytes(1001))
    with open(place["sparse"], "wb") as file:
        file.truncate(10**12)
    found = survey(tmp_path, limits=Limits(submission=1000)).found
    said = {student: found[student, NAME].problem for student in place}
    assert "is a folder" in said["folder"] and "device or pipe" in said["pipe"]
    assert all("is a link" in said[student] for student in ("link", "loop", "device"))
    assert all("is larger than" in said[student] for student in ("large", "sparse"))


@pytest.mark.parametrize("name", ["-rf", ".hidden", "a;b", "=1+1", "\x1b[2J", "a\nb"])
def test_a_folder_whose_name_is_no_id_is_named_in_one_line(tmp_path, name):
    hand_in(tmp_path, f"ada/{NAME}.ipynb")
    hand_in(tmp_path, f"{name}/{NAME}.ipynb")
    found = survey(tmp_path)
    assert found.students == ["ada"]
    assert len(found.strays) == (0 if name == ".hidden" else 1)
    assert all(line.isprintable() for line in found.strays)


def test_folders_are_compared_with_the_list_of_students(tmp_path):
    hand_in(tmp_path, f"ada/{NAME}.ipynb")
    hand_in(tmp_path, f"adda/{NAME}.ipynb")
    hand_in(tmp_path, "loose.ipynb")
    found = survey(tmp_path, ["ada", "grace"])
    assert found.students == ["ada", "grace"]
    assert any(line.startswith("adda: not graded") for line in found.strays)
    assert any("loose.ipynb: not graded" in line and "course collect" in line for line in found.strays)


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_students_is_refused(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no folder of a student"):
        survey(tmp_path / folder)


def test_a_student_with_very_many_files_costs_little(tmp_path):
    (tmp_path / "ada").mkdir()
    for number in range(700):
        (tmp_path / "ada" / f"{number}.txt").touch()
    found = survey(tmp_path)
    assert any("more than 500 files" in line for line in found.strays)


@pytest.mark.parametrize("stem", ["01_Made_Up", "01_made_up (2)", "01_made_up-Copy12", "Copy of 01_made_up", "01 made up"])
def test_what_computers_add_to_a_name_is_recognised(stem):
    assert plain_name(stem) == NAME


CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,01 (77)
    Points Possible,,,,,8
"Lovelace, Ada",12,s12,ada,Mon,
"Hopper, Grace",13,s13,grace,Tue,
Student Test,99,,,Mon,
"""
MOODLE = """Identifier,Full name,ID number,Email address,Status
Participant 501,Ada Lovelace,ada,ada@x.org,Submitted
Participant 502,Grace Hopper,grace,grace@x.org,Submitted
"""


@pytest.mark.parametrize(("text", "platform", "called"), [
    ("ada\n\ngrace\n", None, {}),
    (CANVAS, "canvas", {"12": "ada", "13": "grace"}),
    (MOODLE, "moodle", {"Ada Lovelace": "ada", "501": "ada", "Grace Hopper": "grace", "502": "grace"}),
])
def test_lists_of_students(tmp_path, text, platform, called):
    (tmp_path / "ids.csv").write_text(text, encoding="utf-8-sig")
    known = roster.read(tmp_path / "ids.csv")
    assert (known.ids, known.platform, known.called) == (["ada", "grace"], platform, called)


def packed(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def notebook(words="") -> bytes:
    return nbformat.writes(world.answered(world.GOOD | {"01.3": f"Because {words}."})).encode()


DOWNLOADS = {
    "moodle": (MOODLE, [
        (f"Ada Lovelace_501_assignsubmission_file_/{NAME}.ipynb", notebook()),
        ("Grace Hopper_502_assignsubmission_file_/My work (1).ipynb", notebook()),
        ("Nobody Known_503_assignsubmission_file_/x.pdf", b"%PDF"),
    ]),
    "canvas": (CANVAS, [
        (f"lovelaceada_12_9001_{NAME}.ipynb", notebook("old")), (f"lovelaceada_12_9002_{NAME}-1.ipynb", notebook("new")),
        (f"hoppergrace_LATE_13_9003_{NAME}.zip", b"filled below"), ("hoppergrace_13_9004_photo.png", b"x"),
    ]),
    "folders": ("ada\ngrace\n", [(f"ada/{NAME}.ipynb", notebook()), (f"grace/deeper/{NAME}.ipynb", notebook())]),
}


@pytest.mark.parametrize("platform", DOWNLOADS)
def test_downloads_are_sorted_by_student_and_notebook(tmp_path, platform):
    collecting = pytest.importorskip("ipe_sr.coursework.collecting")
    text, entries = DOWNLOADS[platform]
    (tmp_path / "ids").write_text(text, encoding="utf-8")
    inner = packed(tmp_path / "inner.zip", [(f"work/{NAME}.ipynb", notebook())]).read_bytes()
    archive = packed(tmp_path / "all.zip", [(name, inner if data == b"filled below" else data) for name, data in entries])
    count, unsettled = collecting.collect(archive, tmp_path / "in", [NAME, OTHER], roster.read(tmp_path / "ids"), Limits())
    assert count == 2 and len(unsettled) == {"moodle": 1, "canvas": 2, "folders": 0}[platform], unsettled
    found = survey(tmp_path / "in")
    assert found.students == ["ada", "grace"] and not found.strays
    assert {key: one.problem for key, one in found.found.items()} == {("ada", NAME): None, ("grace", NAME): None}
    assert found.stamps.keys() == {("ada", NAME), ("grace", NAME)}
    if platform == "canvas":
        assert b"Because new" in found.read(found.found["ada", NAME]), "the newest version counts"


def test_bad_archives_are_refused_and_write_nothing(tmp_path):
    collecting = pytest.importorskip("ipe_sr.coursework.collecting")
    (tmp_path / "text.zip").write_text("no archive")
    packed(tmp_path / "none.zip", [("a/b.txt", b"x")])
    packed(tmp_path / "outside.zip", [(f"../../../{NAME}.ipynb", notebook())])
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"ada/{NAME}.ipynb", bytes(20 * 2**20))
    for name, words in (("text", "no readable zip"), ("none", "holds no notebook"), ("outside", "holds no notebook"),
                        ("bomb", "holds no notebook"), ("nowhere", "no readable zip")):
        with pytest.raises(InputError, match=words):
            collecting.collect(tmp_path / f"{name}.zip", tmp_path / "in", [NAME], None, Limits())
        assert not (tmp_path / "in").exists() and not list(tmp_path.parent.glob("*.ipynb"))
