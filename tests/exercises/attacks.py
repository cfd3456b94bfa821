"""python -m tests.exercises.attacks [WORD ...] or [FROM-TO]: grade a class of hostile and clumsy students, one line each.

Each submission is wrong, damaged, clumsy or an attack in one way. The line tells the points that its first two exercises earned
and that were due, or that they are open, and the sentence. Words choose the submissions whose names contain one of them.
"""

import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from ipe_sr.coursework import masters
from tests.exercises import course_world as world
from tests.exercises.course_world import GOOD, NAME

FILE = f"{NAME}.ipynb"
SECONDS = int(os.environ.get("SECONDS_PER_CELL", "5"))
RIGHT_1, RIGHT_2 = GOOD["01.1"], GOOD["01.2"]
WRONG_1 = "def twice(n):\n    return 0"
DUE = {"full": (3, 3), "first wrong": (0, 3), "second wrong": (3, 0), "none": (0, 0)}


@dataclass(frozen=True)
class Attack:
    """One student.   due: points of exercises 01.1 and 01.2; None for those that a person has to look at.

    write: puts what the student hands in into the student's folder.   says: words of the sentence that explains it.
    """

    name: str
    write: Callable[[Path], None]
    due: tuple[float | None, float | None]
    says: str = ""


def _notebook(name: str, notebook: Callable[[], nbformat.NotebookNode], due, says: str = "") -> Attack:
    return Attack(name, lambda folder: nbformat.write(notebook(), folder / FILE), due, says)


def _code(name: str, first: str, due, says: str = "", second: str = RIGHT_2) -> Attack:
    return _notebook(name, lambda: world.answered(GOOD | {"01.1": first, "01.2": second}), due, says)


def _second(name: str, second: str, due, says: str = "") -> Attack:
    return _code(name, RIGHT_1, due, says, second)


def _added(name: str, source: str, due, says: str = "", at: int = -1, answers: dict | None = None) -> Attack:
    """A cell of the student's own: by default the last one, or before the cell number `at`."""
    def make():
        notebook = world.answered(GOOD | (answers or {}))
        cell = nbformat.v4.new_code_cell(source)
        notebook.cells.insert(len(notebook.cells) if at == -1 else at, cell)
        return notebook
    return _notebook(name, make, due, says)


def _edited(name: str, change: Callable, due, says: str = "", answers: dict | None = None) -> Attack:
    """A good submission (or one with other answers) to which `change(cells by grade id, notebook)` is done."""
    def make():
        notebook = world.answered(GOOD | (answers or {}))
        change({masters.grade_id(cell): cell for cell in notebook.cells if masters.grade_id(cell)}, notebook)
        return notebook
    return _notebook(name, make, due, says)


def _raw(name: str, data: bytes | Callable[[], bytes], says: str, due=(None, None), file: str = FILE) -> Attack:
    def write(folder: Path):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data() if callable(data) else data)
    return Attack(name, write, due, says)


def _text() -> str:
    return nbformat.writes(world.answered(GOOD))


def _as_json(change: Callable[[dict], None]) -> Callable[[], bytes]:
    def make() -> bytes:
        notebook = json.loads(_text())
        change(notebook)
        return json.dumps(notebook).encode()
    return make


W1, FULL, NONE, OPEN = DUE["first wrong"], DUE["full"], DUE["none"], (None, None)
UNCERTAIN = ("endless large output", "memory bit by bit", "100000 lines of traceback", "recursion")   # open on a slow machine
KEEP1 = (3, None)      # the first exercise keeps its points, the second is open


def _cells(notebook: dict) -> dict[str, dict]:
    return {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in notebook["cells"]}


def _duplicate(cells, notebook, name: str, source: str, after: bool = True):
    copy = nbformat.from_dict(cells[name])
    copy.source, copy.id = source, "copy"
    notebook.cells.insert(notebook.cells.index(cells[name]) + (1 if after else 0), copy)


def _split(cells, notebook, metadata):
    """JupyterLab's "split cell" in the middle of the answer: the second half has the metadata given."""
    cells["ex-01-1"].source = "def twice(n):\n    m = n"
    half = nbformat.v4.new_code_cell("    return 2 * m", metadata=metadata)
    notebook.cells.insert(notebook.cells.index(cells["ex-01-1"]) + 1, half)


def _move(cells, notebook, name: str, to: int):
    notebook.cells.remove(cells[name])
    notebook.cells.insert(to, cells[name])


def _set(name: str, **marks):
    return lambda cells, notebook: cells[name].metadata["nbgrader"].update(marks)


def _delete(*names: str):
    def change(cells, notebook):
        for name in names:
            notebook.cells.remove(cells[name])
    return change


def _source(name: str, source: str):
    return lambda cells, notebook: cells[name].update(source=source)


def _tags(name: str, *tags: str):
    return lambda cells, notebook: cells[name].metadata.update(tags=list(tags))


def _all(*changes):
    def change(cells, notebook):
        for one in changes:
            one(cells, notebook)
    return change


def _folder_of_that_name(folder: Path):
    (folder / FILE).mkdir()
    (folder / FILE / "inside.txt").write_text("nothing")


def _link(target: str):
    return lambda folder: (folder / FILE).symlink_to(target)


def _pipe(folder: Path):
    os.mkfifo(folder / FILE)


def _sparse(folder: Path):
    with open(folder / FILE, "wb") as file:
        file.truncate(10**12)


def _unreadable(folder: Path):
    (folder / FILE).write_text(_text(), encoding="utf-8")
    os.chmod(folder / FILE, 0)


def _zipped(folder: Path):
    import zipfile

    with zipfile.ZipFile(folder / "homework.zip", "w") as archive:
        archive.writestr(FILE, _text())


def _named(file: str):
    return _raw(f"file: {file}", lambda: _text().encode(), "", OPEN, file)


ESCAPE = "\x1b[2J\x1b]0;owned\x07"
ERASE = "import shutil, pathlib\nfor path in pathlib.Path({!r}).glob('*'):\n    shutil.rmtree(path, ignore_errors=True)\n"
SHELL = "get_ipython()"
LEAKS = {   # code in the first answer that tries to show the second hidden test; {} is the statement that shows it
    "In": "print('\\n'.join(In))",
    "_ih": "print(_ih)",
    "history": "get_ipython().run_line_magic('history', '')",
    "linecache": "import linecache; print([''.join(v[2]) for v in linecache.cache.values() if len(v) > 2])",
    "frames": "import sys; f = sys._getframe()\nwhile f: print(f.f_code.co_consts); f = f.f_back",
    "gc": "import gc; print([o for o in gc.get_objects() if isinstance(o, dict) and 'BEGIN HIDDEN' in str(o)[:9000]][:3])",
}


def attacks() -> list[Attack]:
    """All of them."""
    found = [
        # honest work and honest mistakes
        _code("good", RIGHT_1, FULL),
        _code("empty answers", world.answered({}).cells[4].source, W1, "not answered yet"),
        _code("syntax error", "def twice(n)\n    return 2 * n", W1, "expected ':' (line 1)"),
        _code("unclosed bracket", "def twice(n):\n    return (2 * n", W1, "SyntaxError"),
        _code("tab and spaces", "def twice(n):\n    m = n\n\treturn 2 * m", W1, "Error"),
        _code("NameError in line 2", "def twice(n):\n    return 2 * m", W1, "(line 2 of your answer to 01.1)"),
        _code("error two calls deep", "def helper(n):\n    return [][n]\ndef twice(n):\n    return helper(n)", W1,
              "(line 2 of your answer to 01.1)"),
        _code("None", "def twice(n):\n    2 * n", W1, "twice 2 is 4"),
        _code("input()", "def twice(n):\n    return int(input())", W1, "StdinNotImplementedError"),
        _code("recursion", "def twice(n):\n    return twice(n)", W1, "RecursionError"),
        _code("prints a lot", "def twice(n):\n    print('x' * 3000)\n    return 2 * n", FULL),
        _code("prints on stderr", "import sys\ndef twice(n):\n    print('careful', file=sys.stderr)\n    return 2 * n", FULL),
        _code("warns", "import warnings\ndef twice(n):\n    warnings.warn('careful')\n    return 2 * n", FULL),
        _code("magics", "%matplotlib inline\n%time\ndef twice(n):\n    return 2 * n", FULL),
        _code("shell command", "!echo hello\ndef twice(n):\n    return 2 * n", FULL),
        _code("own file in the folder", "open('data.txt', 'w').write('2')\ndef twice(n):\n    return int(open('data.txt').read()) * n", FULL),
        _code("a file that is at home", "def twice(n):\n    return int(open('/home/me/two.txt').read()) * n", W1, "No such file"),
        _code("hides a built-in name", "abs = 3\ndef twice(n):\n    return 2 * n", FULL),
        _code("changes the folder", "import os\nos.makedirs('a/b'); os.chdir('a/b')\ndef twice(n):\n    return 2 * n", FULL),
        _code("helper in its own cell missing", "def twice(n):\n    return helper(n)", W1, "NameError"),
        _added("helper in an added cell", "def helper(n):\n    return 2 * n", FULL, at=4,
               answers={"01.1": "def twice(n):\n    return helper(n)"}),
        _added("added cell fails", "1 / 0", FULL, at=4),
        _added("added cell is endless", "while True: pass", FULL, at=4),
        _code("unicode names", "def twice(größe):\n    return 2 * größe", FULL),
        _code("windows line ends", RIGHT_1.replace("\n", "\r\n"), FULL),
        _code("null byte", "def twice(n):\n    return 2 * n\x00", W1, "Error"),
        _code("lone surrogate is refused by the file", "def twice(n):\n    return 2 * n  # \\ud800", FULL),
        _code("numpy number", "import numpy as np\ndef twice(n):\n    return np.int64(2) * n", FULL),
        # cells that were copied, split, retyped, moved, deleted
        _edited("answer was split, no metadata", lambda c, n: _split(c, n, {}), FULL),
        _edited("answer was split, empty metadata", lambda c, n: _split(c, n, {"nbgrader": {}}), FULL),
        _edited("answer was split, copied metadata", lambda c, n: _split(c, n, dict(c["ex-01-1"].metadata)), FULL),
        _edited("answer twice, the last is right", lambda c, n: _duplicate(c, n, "ex-01-1", WRONG_1, after=False), FULL),
        _edited("answer twice, the last is wrong", lambda c, n: _duplicate(c, n, "ex-01-1", WRONG_1), W1, "twice 2 is 4"),
        _edited("an empty copy behind the answer",
                lambda c, n: _duplicate(c, n, "ex-01-1", world.answered({}).cells[4].source), FULL),
        _edited("a copy of a test", lambda c, n: _duplicate(c, n, "ex-01-1-visible", "assert True"), FULL),
        _edited("answer is a text cell", lambda c, n: c["ex-01-1"].update(cell_type="markdown"), FULL),
        _edited("answer is a raw cell", lambda c, n: c["ex-01-1"].update(cell_type="raw"), FULL),
        _edited("test is a text cell", lambda c, n: c["ex-01-1-visible"].update(cell_type="markdown"), W1, "", {"01.1": WRONG_1}),
        _edited("written answer is a code cell", lambda c, n: c["ex-01-3"].update(cell_type="code", outputs=[], execution_count=None),
                FULL),
        _edited("answer behind its tests", lambda c, n: _move(c, n, "ex-01-1", len(n.cells) - 1), FULL),
        _edited("imports at the end", lambda c, n: _move(c, n, "imports", len(n.cells) - 1), FULL),
        _edited("answer cell deleted", _delete("ex-01-1"), W1, "the answer cell was deleted"),
        _edited("answer deleted, function in an own cell", _all(
            lambda c, n: n.cells.insert(n.cells.index(c["ex-01-1"]), nbformat.v4.new_code_cell(RIGHT_1)), _delete("ex-01-1")), FULL),
        _edited("all tests deleted", _delete("ex-01-1-visible", "ex-01-1-hidden", "ex-01-2-visible", "ex-01-2-hidden"), W1, "",
                {"01.1": WRONG_1}),
        _edited("all headings deleted", lambda c, n: n.update(cells=[x for x in n.cells if masters.grade_id(x)]), FULL),
        _edited("outputs of an earlier run", lambda c, n: [x.update(outputs=[nbformat.v4.new_output("stream", text="y" * 10**6)])
                                                         for x in n.cells if x.cell_type == "code"], FULL),
        # metadata
        _edited("tag skip-execution", _all(_tags("ex-01-1-visible", "skip-execution"), _tags("ex-01-1-hidden", "skip-execution")),
                W1, "", {"01.1": WRONG_1}),
        _edited("tag raises-exception", _tags("ex-01-1-visible", "raises-exception"), W1, "", {"01.1": WRONG_1}),
        _edited("tag remove-cell", _tags("ex-01-1", "remove-cell", "student"), FULL),
        _edited("points 1000", _set("ex-01-1-visible", points=1000), FULL),
        _edited("points nan", _set("ex-01-1-visible", points=float("nan")), FULL),
        _edited("points are text", _set("ex-01-1-visible", points="many"), FULL),
        _edited("points of an answer cell", _set("ex-01-1", grade=True, points=50), FULL),
        _edited("test is a solution", _set("ex-01-1-visible", solution=True, locked=False), W1, "", {"01.1": WRONG_1}),
        _edited("grade id of another exercise", _set("ex-01-1", grade_id="ex-01-2"), (0, 3), "the answer cell was deleted"),
        _edited("grade id is a list", _set("ex-01-1", grade_id=["ex-01-1"]), FULL),
        _edited("grade id is long", _set("ex-01-1", grade_id="x" * 10**6), FULL),
        _edited("schema of the future", lambda c, n: [x.metadata["nbgrader"].update(schema_version=99) for x in c.values()], FULL),
        _edited("nbgrader is a list", lambda c, n: c["ex-01-1"].metadata.update(nbgrader=[1]), FULL),
        _edited("nbgrader is a number", lambda c, n: c["ex-01-1"].metadata.update(nbgrader=7), FULL),
        _edited("nbgrader is empty", lambda c, n: c["ex-01-1"].metadata.update(nbgrader={}), FULL),
        _edited("tags are a number", lambda c, n: c["ex-01-1"].metadata.update(tags=3), FULL),
        _edited("another kernel", lambda c, n: n.metadata.update(kernelspec={"name": "bash", "display_name": "b", "language": "b"}), FULL),
        _edited("no kernel", lambda c, n: n.metadata.pop("kernelspec"), FULL),
        _edited("own digests", lambda c, n: n.metadata.update(ipe_sr={"locked": {}, "digest": "x", "stopped": None}), FULL),
        _edited("300 added cells", lambda c, n: n.cells.extend(nbformat.v4.new_code_cell("1") for _ in range(300)), OPEN, "adds more"),
        _edited("an added cell of 1 MB", lambda c, n: n.cells.append(nbformat.v4.new_code_cell("#" + "x" * 10**6)), OPEN, "more than"),
        _edited("another id", lambda c, n: n.cells[2].update(source="student = 'somebody'"), FULL),
        # damaged files
        _raw("cut file", b'{"cells": [', "not a readable notebook"),
        _raw("empty file", b"", "not a readable notebook"),
        _raw("binary file", bytes(range(256)) * 9, "not a readable notebook"),
        _raw("JSON null", b"null", "not a readable notebook"),
        _raw("JSON list", b"[]", "not a readable notebook"),
        _raw("JSON number", b"7", "not a readable notebook"),
        _raw("empty object", b"{}", "not a readable notebook"),
        _raw("cells are a number", _as_json(lambda n: n.update(cells=3)), "not a readable notebook"),
        _raw("cells are null", _as_json(lambda n: n["cells"].append(None)), "not a readable notebook"),
        _raw("source is a number", _as_json(lambda n: _cells(n)["ex-01-1"].update(source=5)), "", W1),
        _raw("metadata is a list", _as_json(lambda n: n["cells"][1].update(metadata=[])), "", OPEN),
        _raw("no metadata", _as_json(lambda n: n["cells"][0].pop("metadata")), "", OPEN),
        _raw("unknown type of cell", _as_json(lambda n: n["cells"].append({"cell_type": "evil", "metadata": {}, "source": ""})), "", FULL),
        _raw("outputs are text", _as_json(lambda n: _cells(n)["imports"].update(outputs="x")), "not a readable notebook"),
        _raw("nested 100000 deep", b'{"cells":' + b"[" * 100_000, "not a readable notebook"),
        _raw("17 MB", lambda: _text().encode() + b" " * (17 * 2**20), "larger than 16 MB"),
        _raw("nbformat 3", lambda: nbformat.writes(world.answered(GOOD), version=3).encode(), "", FULL),
        _raw("nbformat 99", _as_json(lambda n: n.update(nbformat=99)), "not a readable notebook"),
        _raw("nbformat is text", _as_json(lambda n: n.update(nbformat="four")), "not a readable notebook"),
        _raw("byte order mark", lambda: b"\xef\xbb\xbf" + _text().encode(), "", FULL),
        _raw("UTF-16", lambda: _text().encode("utf-16"), "not a readable notebook"),
        _raw("lone surrogate", _as_json(lambda n: _cells(n)["ex-01-1"].update(source="x = '\ud800'")), "", W1),
        _raw("NaN in the file", _as_json(lambda n: n["metadata"].update(a=float("nan"))), "", FULL),
        _raw("double ids", _as_json(lambda n: [c.update(id="same") for c in n["cells"]]), "", FULL),
        _raw("pasted into a new notebook", lambda: nbformat.writes(world.pasted()).encode(), "none of its cells is an answer cell"),
        # what is no file, or has another name
        Attack("a folder of the right name", _folder_of_that_name, OPEN, "is a folder"),
        Attack("a link to a file", _link("/etc/passwd"), OPEN, "is a link"),
        Attack("a link to itself", _link(FILE), OPEN, "is a link"),
        Attack("a link to nothing", _link("nothing"), OPEN, "is a link"),
        Attack("a link to an endless device", _link("/dev/zero"), OPEN, "is a link"),
        Attack("a pipe", _pipe, OPEN, "device or pipe"),
        Attack("a sparse file of 1 TB", _sparse, OPEN, "larger than 16 MB"),
        Attack("a zip", _zipped, OPEN, "homework.zip"),
        Attack("nothing", lambda folder: None, NONE, ""),
        Attack("a picture alone", lambda folder: (folder / "a.png").write_bytes(b"x"), NONE, ""),
        _named(f"{NAME} (1).ipynb"), _named(f"{NAME}-Copy1.ipynb"), _named(f"{NAME.upper()}.ipynb"), _named(f"{NAME}.IPYNB"),
        _named(f"{NAME}.ipynb.txt"), _named(f"deeper/{FILE}"), _named("homework.ipynb"), _named(f"ada_{FILE}"),
        _named(f"{NAME}.ipynb.json"), _named("01 made up.ipynb"),
        # the process
        _second("os._exit", "def sign(n):\n    os._exit(0)", KEEP1, "the kernel died"),
        _second("exit()", "def sign(n):\n    exit()", KEEP1, "the kernel died"),
        _second("sys.exit", "import sys\ndef sign(n):\n    sys.exit(0)", (3, 0), "SystemExit"),
        _second("segmentation fault", "import ctypes\ndef sign(n):\n    ctypes.string_at(0)", KEEP1, "the kernel died"),
        _second("SIGKILL to itself", "def sign(n):\n    os.kill(os.getpid(), 9)", KEEP1, "the kernel died"),
        _second("SIGSTOP to itself", "def sign(n):\n    os.kill(os.getpid(), 19)", KEEP1, "did not stop"),
        _second("endless loop", "def sign(n):\n    while True: pass", (3, 0), "endless loop"),
        _second("ignores the interrupt", world.STUBBORN, KEEP1, "did not stop when interrupted"),
        _second("sleeps in C", "import ctypes\ndef sign(n):\n    ctypes.PyDLL(None).sleep(60)", (3, 0), "endless loop"),
        _second("kills its worker", "def sign(n):\n    os.kill(os.getppid(), 9)", KEEP1, ""),
        _second("stops its worker", "def sign(n):\n    os.kill(os.getppid(), 19)", KEEP1, "took longer"),
        _second("closes all files", "def sign(n):\n    os.closerange(0, 99)", KEEP1, ""),
        _second("fork bomb", "def sign(n):\n    while True:\n        try: os.fork()\n        except OSError: pass", KEEP1, "processes"),
        _second("100 sleeping processes", "import subprocess\ndef sign(n):\n    [subprocess.Popen(['sleep', '99']) for _ in range(99)]\n"
                "    time.sleep(2)", KEEP1, "processes"),
        _second("detached processes", "import subprocess\ndef sign(n):\n    for _ in range(9):\n        subprocess.Popen(['setsid', "
                "'sleep', '77777'], start_new_session=True)\n    return (n > 0) - (n < 0)", FULL),
        _second("the child goes on", "def sign(n):\n    os.fork()\n    return (n > 0) - (n < 0)", FULL),
        _second("100 threads", "import threading\ndef sign(n):\n    [threading.Thread(target=time.sleep, args=(60,)).start() "
                "for _ in range(100)]\n    return (n > 0) - (n < 0)", FULL),
        _second("20 GB", "def sign(n):\n    x = bytearray(20 * 2**30)", (3, 0), "MemoryError"),
        _second("memory bit by bit", "def sign(n):\n    x = []\n    while True: x.append(bytearray(10**7))", (3, 0), ""),
        _second("memory in children", "def sign(n):\n    for _ in range(8):\n        if not os.fork():\n            x = bytearray(2**30)\n"
                "            for i in range(0, 2**30, 4096): x[i] = 1\n            time.sleep(60)\n    time.sleep(60)",
                KEEP1, ""),
        _second("endless large output", "def sign(n):\n    while True: print('x' * 1_000_000)", (3, 0), ""),
        _second("endless short lines", "def sign(n):\n    while True: print('x')", (3, 0), "endless loop"),
        _second("endless pictures", "from IPython.display import display\ndef sign(n):\n    while True: "
                "display({'text/plain': 'x' * 10**6}, raw=True)", (3, 0), "endless loop"),
        _second("error of 30 MB", "def sign(n):\n    raise ValueError('x' * 30_000_000)", (3, 0), "ValueError: xxx"),
        _second("an error with control characters", f"def sign(n):\n    raise ValueError({ESCAPE!r})", (3, 0), "ValueError"),
        _second("a large file", "def sign(n):\n    with open('big', 'wb') as f:\n        while True: f.write(bytes(10**7))", (3, 0), "OSError"),
        _second("many large files", "def sign(n):\n    i = 0\n    while True:\n        i += 1\n        open(f'big{i}', 'wb').write("
                "bytes(6 * 10**7))", KEEP1, "wrote more"),
        _second("errors in errors", "class E(Exception):\n    def __str__(self): raise E()\ndef sign(n):\n    raise E()", (3, 0), ""),
        _second("an error whose name is long", "E = type('E' * 10**5, (Exception,), {})\ndef sign(n):\n    raise E()", (3, 0), "EEE"),
        _second("100000 lines of traceback", "import sys\nsys.setrecursionlimit(20000)\ndef f(n): return f(n - 1) if n else 1 / 0\n"
                "def sign(n):\n    f(9000)", (3, 0), ""),
        # tests that are deceived
        _code("displayhook(99.0)", "def twice(n):\n    get_ipython().displayhook(99.0)\n    return 0", W1),
        _code("displayhook(2.0) and right", "def twice(n):\n    get_ipython().displayhook(0.5)\n    return 2 * n", FULL),
        _code("set_custom_exc", "get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)\n" + WRONG_1, W1),
        _code("set_custom_exc in the answer", "def twice(n):\n    get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)\n    return 0", W1),
        _code("showtraceback replaced", "get_ipython().showtraceback = lambda *a, **k: None\n" + WRONG_1, W1),
        _code("_showtraceback replaced", "get_ipython()._showtraceback = lambda *a, **k: None\n" + WRONG_1, W1),
        _code("clear_output", "import threading\nfrom IPython.display import clear_output\ndef twice(n):\n"
              "    threading.Timer(0.05, clear_output).start()\n    return 0", W1),
        _code("transformer", "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])\n" + WRONG_1, W1),
        _code("cleanup transformer", "get_ipython().input_transformer_manager.cleanup_transforms.append(lambda lines: ['pass\\n'])\n"
              + WRONG_1, W1),
        _code("ast transformer", "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
              "get_ipython().ast_transformers.append(T())\n" + WRONG_1, W1),
        _code("run_cell replaced", "ip = get_ipython()\nreal = ip.run_cell\nip.run_cell = lambda code, *a, **k: real('pass')\n"
              "ip.run_cell_async = lambda code, *a, **k: type(ip).run_cell_async(ip, 'pass', *a, **k)\n" + WRONG_1, W1, "replaced"),
        _code("run_cell of the class replaced", "kind = type(get_ipython())\nreal = kind.run_cell_async\n"
              "kind.run_cell_async = lambda self, code, *a, **k: real(self, 'pass', *a, **k)\n" + WRONG_1, W1, "replaced"),
        _code("do_execute replaced", "kernel = get_ipython().kernel\nreal = kernel.do_execute\n"
              "kernel.do_execute = lambda code, *a, **k: real('pass' if 'assert' in code else code, *a, **k)\n" + WRONG_1, W1, "replaced"),
        _code("event replaces the test", "get_ipython().events.register('pre_run_cell', lambda info: globals().update("
              "twice=type('T', (), {'__call__': lambda s, n: 0})()))\n" + WRONG_1, W1),
        _code("trace", "import sys\nsys.settrace(lambda *a: None)\n" + WRONG_1, W1),
        _code("hides abs", "abs = lambda x: 0\n" + WRONG_1, W1),
        _code("replaces built-ins", "import builtins\nbuiltins.AssertionError = type('Quiet', (BaseException,), {})\n" + WRONG_1, W1),
        _code("compile replaced", "import builtins\nreal = builtins.compile\nbuiltins.compile = lambda s, *a, **k: real('pass', *a[:1], 'exec')"
              "\n" + WRONG_1, W1),
        _code("a number that equals everything", "class Any(int):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
              "def twice(n):\n    return Any(0)", FULL, ""),
        _code("the id of a friend", "os.environ['IPE_SR_STUDENT'] = 'friend'\n" + RIGHT_1, FULL, ""),
        _code("a thread changes the answer", "import threading\ndef twice(n): return 0\nthreading.Timer(0.0, lambda: None).start()", W1),
        _code("stdout of the worker", "import glob\nfor place in glob.glob(f'/proc/{os.getppid()}/fd/1'):\n    try:\n"
              "        open(place, 'w').write('{\"stopped\": null}\\n')\n    except OSError: pass\n" + RIGHT_1, FULL, ""),
        _code("a message that is no JSON", "try: open(f'/proc/{os.getppid()}/fd/1', 'w').write('evil\\n')\nexcept OSError: pass\n" + RIGHT_1,
              OPEN, "cannot be read"),
        # other students and the course
        _code("deletes other submissions", ERASE.format("SUBMITTED") + RIGHT_1, FULL),
        _code("deletes the results", ERASE.format("OUT") + RIGHT_1, FULL),
        # leaks
        *[_added(f"leak at the end: {name}", code, FULL) for name, code in LEAKS.items()],
        *[_second(f"leak in an error: {name}", f"def sign(n):\n    raise AssertionError({value})", (3, 0), "")
          for name, value in {"In": "In[-1]", "all In": "repr(In)", "backwards": "''.join(In)[::-1]",
                              "frame": "__import__('inspect').getsource(__import__('sys')._getframe(1))"}.items()],
        # tables and pages
        _second("a formula", "def sign(n):\n    raise AssertionError('=HYPERLINK(\"http://evil\")')", (3, 0), ""),
        _second("Markdown in a sentence", "def sign(n):\n    raise AssertionError('<b>| x | ![](http://evil) $x$ [a](b)')", (3, 0), ""),
        _second("script in an output", "from IPython.display import HTML, display\ndisplay(HTML('<script>alert(1)</script><meta "
                "http-equiv=refresh content=\"0;url=http://127.0.0.1:9/\">'))\n" + RIGHT_2, FULL),
        _second("JavaScript", "from IPython.display import Javascript, display\ndisplay(Javascript('alert(1)'))\n" + RIGHT_2, FULL),
        _second("SVG", "from IPython.display import SVG, display\ndisplay(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>'))"
                "\n" + RIGHT_2, FULL),
        _edited("Markdown that takes long", lambda c, n: n.cells.append(nbformat.v4.new_markdown_cell("[" * 90_000)), FULL),
        _edited("Markdown nested deeply", lambda c, n: n.cells.append(nbformat.v4.new_markdown_cell("> " * 40_000 + "x")), FULL),
        _edited("HTML in a written answer", lambda c, n: c["ex-01-3"].update(source="<meta http-equiv=refresh content='0;url=http://x'>"),
                FULL),
    ]
    names = [attack.name for attack in found]
    assert len(set(names)) == len(names)
    return found


def hand_in(folder: Path, chosen: list[Attack], out: Path) -> dict[str, Attack]:
    """Write the submissions; returns the attacks by the id of the student."""
    by_student = {}
    for number, attack in enumerate(chosen, 1):
        student = f"s{number:03}"
        (folder / student).mkdir(parents=True)
        attack.write(folder / student)
        by_student[student] = attack
        path = folder / student / FILE
        if path.is_file() and not path.is_symlink() and stat.S_ISREG(path.stat().st_mode) and path.stat().st_size < 10**7:
            text = path.read_bytes()
            path.write_bytes(text.replace(b"SUBMITTED", str(folder).encode()).replace(b"'OUT'", repr(str(out)).encode()))
    return by_student


def main(words: list[str]) -> None:
    from ipe_sr.coursework import grading, sandbox
    from ipe_sr.coursework.limits import MB, Limits

    chosen = attacks()
    if words and re.fullmatch(r"\d+-\d+", words[0]):
        first, last = map(int, words[0].split("-"))
        chosen = chosen[first - 1 : last]
    elif words:
        chosen = [attack for attack in chosen if any(word in attack.name for word in words)]
    choice = os.environ.get("SANDBOX", "auto")
    with tempfile.TemporaryDirectory() as folder:
        submitted, out = Path(folder) / "submitted", Path(folder) / "out"
        by_student = hand_in(submitted, chosen, out)
        master = world.write_master(Path(folder) / "masters")
        start, times = time.monotonic(), {}

        def report(line: str) -> None:
            times[line.split("/")[0]] = time.monotonic()
            if os.environ.get("VERBOSE"):
                print(f"{time.monotonic() - start:6.1f}  {line}", flush=True)

        limits = Limits(cell=SECONDS, notebook=10 * SECONDS, rendering=10 * SECONDS, memory=2000 * MB)
        hidden = sandbox.chosen(choice, [submitted, out, master.parent])
        result = grading.grade([master], submitted, out, limits, report=report, sandboxed=hidden)
        wrong = show(by_student, result, out)
        print(f"{len(chosen)} submissions, {len(chosen) - wrong} as due, {time.monotonic() - start:.0f} s, "
              f"{'in bubblewrap' if hidden.used else 'without a sandbox'}")
    sys.exit(bool(wrong) or not chosen)


def show(by_student: dict[str, Attack], result, out: Path) -> int:
    """Print a line for each student; returns how many did not get what is due."""
    wrong = 0
    pages = {path.parent.name: path.read_text(encoding="utf-8") for path in out.glob("feedback/*/*.html")}
    for student, attack in by_student.items():
        marks = {mark.exercise: mark for mark in result.marks if mark.student == student}
        given = tuple(marks[exercise].points for exercise in ("01.1", "01.2"))
        says = "; ".join(dict.fromkeys(marks[exercise].says for exercise in ("01.1", "01.2") if marks[exercise].says))
        page = pages.get(student, "")
        leaks = [test for test in ("twice(-3)", "sign(0)") if test in page + says]
        due = (attack.due, KEEP1, OPEN) if attack.name in UNCERTAIN else (attack.due,)
        good = given in due and attack.says in says and not leaks and len(says) < 2000 and len(page) < 10**7
        wrong += not good
        print(f"{'ok   ' if good else 'WRONG'} {student} {attack.name:<42} {_points(given):<10} due {_points(attack.due):<10} "
              f"{'LEAK ' if leaks else ''}{says[:150]}")
    return wrong


def _points(points: tuple[float | None, ...]) -> str:
    return " + ".join("open" if one is None else f"{one:g}" for one in points)


if __name__ == "__main__":
    main(sys.argv[1:])
