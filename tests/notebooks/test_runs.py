"""The runner of the series, with real kernels: what it records, and which runs it calls failures."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ipe_sr import provenance
from ipe_sr.errors import InputError
from ipe_sr.series import documents, ledger, run_series
from tests import smoke_run

FOLDER = Path(__file__).parents[2] / "notebooks"
CLAIM = "from ipe_sr.claims import claim\nclaim('00.1', 'n is small', n, below=10)"
CRASHING_CALLBACK = """
import ipywidgets
output = ipywidgets.Output()
@output.capture()
def callback(change):
    raise RuntimeError('crashed in a callback')
slider = ipywidgets.IntSlider()
slider.observe(callback, 'value')
slider.value = n
output
"""


def make_series(folder, **notebooks):
    """A series of made-up notebooks.   notebooks: name -> sources of the cells after the parameters."""
    (folder / "params").mkdir(parents=True)
    for preset in documents.PRESETS:
        (folder / "params" / f"{preset}.yaml").write_text("{}", encoding="utf-8")
    for name, sources in notebooks.items():
        parameters = nbformat.v4.new_code_cell("n = 3", metadata={"tags": ["parameters"]})
        opening = nbformat.v4.new_markdown_cell("# Made up\n\n**Run time:** not measured yet")
        cells = [opening, parameters, *map(nbformat.v4.new_code_cell, sources)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    return folder


def run(folder, out, *, preset="teach", only=(), settings=(), workers=1):
    lines = []
    return run_series.execute(run_series.plan(folder, preset, only, settings), out, workers, lines.append), lines


def test_a_run_leaves_copies_and_records(tmp_path):
    source = make_series(tmp_path / "nb", **{"00_one": [CLAIM], "01_two": [CLAIM]})
    before = (source / "00_one.ipynb").read_bytes()
    results, lines = run(source, tmp_path / "out", settings=["n=4"], workers=2)
    assert [result.failure for result in results] == [None, None] and len(lines) == 2
    record = json.loads((tmp_path / "out/00_one.json").read_text(encoding="utf-8"))
    assert record["parameters"] == {"n": 4} and record["failure"] is None and record["seconds"] > 0
    assert record["claims"] == [
        {"id": "00.1", "text": "n is small", "kind": "asserted", "holds": True, "value": 4.0, "bounds": "4 < 10"}
    ]
    assert record["package_sha256"] == provenance.package_digest()
    assert {"python", "torch", "ipe_sr", "papermill"} <= record["versions"].keys()
    assert "[00.1] holds: n is small: 4 < 10" in (tmp_path / "out/00_one.ipynb").read_text(encoding="utf-8")
    assert (source / "00_one.ipynb").read_bytes() == before, "the source is not touched"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (CLAIM.replace("below=10", "below=n"), "00_bad.ipynb, cell 2: AssertionError: [00.1] FAILS: n is small: 3 < 3"),
        ("raise KeyError(n)", "00_bad.ipynb, cell 2: KeyError: 3"),
        (CRASHING_CALLBACK, "00_bad.ipynb, a widget's callback: RuntimeError: crashed in a callback"),
        ("print(n)\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)", "00_bad.ipynb, DeadKernelError: Kernel died"),
    ],
    ids=["claim", "error", "callback", "dead kernel"],
)
def test_failures_are_found_and_named_and_the_others_run(tmp_path, source, message):
    results, _ = run(make_series(tmp_path / "nb", **{"00_bad": [source], "01_good": [CLAIM]}), tmp_path / "out")
    assert results[0].failure == message
    assert results[1].failure is None
    assert json.loads((tmp_path / "out/00_bad.json").read_text(encoding="utf-8"))["failure"] == message


def command(folder, *options, code="from ipe_sr.cli import main; main()"):
    """`ipe-sr notebooks` in a folder, with relative paths, as a user types it."""
    words = [sys.executable, "-c", code, "notebooks", "--notebooks", "nb", "--out", "out", *options]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_ends_with_an_error_and_names_notebook_and_cell(tmp_path):
    make_series(tmp_path / "nb", **{"00_bad": ["1 / (n - 3)"]})
    done = command(tmp_path)
    assert done.returncode == 1
    failure = "00_bad.ipynb, cell 2: ZeroDivisionError: division by zero"
    assert f"FAILED {failure}\n" in done.stdout
    assert done.stdout.endswith(f"open {tmp_path / 'out/site/index.html'}\n")
    assert done.stderr == ""
    page = (tmp_path / "out/site/00_bad.html").read_text(encoding="utf-8")
    assert failure in page and "<title>Made up - " in page
    named = re.findall(r'(?:href|src)="(_static/[^"?]+)', page)
    assert len(named) > 3 and all((tmp_path / "out/site" / name).is_file() for name in named)


def test_the_command_says_in_one_line_that_the_site_is_broken(tmp_path):
    """Sphinx warns of a picture that is missing."""
    source = make_series(tmp_path / "nb", **{"00_one": [CLAIM]})
    notebook = documents.read(source / "00_one.ipynb")
    notebook.cells.append(nbformat.v4.new_markdown_cell("![A picture](nowhere.png)"))
    nbformat.write(notebook, source / "00_one.ipynb")
    done = command(tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"ipe-sr: {tmp_path / 'out/site.log'}: Sphinx warned") and "nowhere.png" in done.stderr
    assert not (tmp_path / "out/site").exists()


def test_the_command_loads_no_torch(tmp_path):
    """Kernels compute. The command and its workers only start them, so they must not wait for torch."""
    make_series(tmp_path / "nb", **{"00_one": [CLAIM]})
    end = "finally:\n    print('torch' in sys.modules)"
    done = command(tmp_path, code=f"import sys\nfrom ipe_sr.cli import main\ntry:\n    main()\n{end}")
    assert done.returncode == 0 and done.stdout.endswith("index.html\nFalse\n"), done.stdout + done.stderr
    worker = ("import sys; from pathlib import Path; from ipe_sr.series import run_series; "
              "(job,) = run_series.plan(Path('nb'), 'teach'); failure = run_series.run(job, Path('out')).failure; "
              "print(failure, 'torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", worker], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "None False\n", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "preset 'huge' is unknown"),
        ({"only": ["07"]}, "no notebook '07'"),
        ({"settings": ["m=1"]}, "parameter 'm' is unknown"),
        ({"settings": ["n=many"]}, "parameter 'n' must be int"),
        ({"settings": ["n"]}, "--set 'n' is not KEY=VALUE"),
        ({"workers": 0}, "--jobs must be at least 1"),
    ],
)
def test_bad_requests_are_refused_before_any_work(tmp_path, options, message):
    source = make_series(tmp_path / "nb", **{"00_one": [CLAIM]})
    with pytest.raises(InputError, match=message):
        run(source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_no_series_here(tmp_path):
    shutil.copytree(FOLDER / "params", tmp_path / "params")
    with pytest.raises(InputError, match="holds no numbered notebooks"):
        run_series.plan(tmp_path, "teach")


def test_outputs_are_written_back_clean(tmp_path):
    source = make_series(tmp_path / "nb", **{"00_one": [CLAIM, "import ipywidgets\nipywidgets.IntSlider()"]})
    results, _ = run(source, tmp_path / "out")
    run_series.write_back(results)
    stored = documents.read(source / "00_one.ipynb")
    assert [cell.execution_count for cell in documents.code_cells(stored)] == [1, 2, 3]
    assert documents.code_cells(stored)[1].outputs[0].text == "[00.1] holds: n is small: 3 < 10\n"
    assert list(documents.code_cells(stored)[2].outputs[0].data) == ["text/plain"]
    assert stored.metadata.keys() == {"kernelspec", "language_info"}
    assert "s measured (preset teach" in stored.cells[0].source
    nbformat.validate(stored)
    with pytest.raises(InputError, match="teach preset"):
        run_series.write_back(run(source, tmp_path / "out", settings=["n=4"])[0])


@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_the_series_can_be_planned_with_every_preset(preset):
    planned = [job.notebook for job in run_series.plan(FOLDER, preset)]
    assert [path.name for path in planned] == [path.name for path in documents.notebooks(FOLDER)]


def test_the_series_runs_with_the_smoke_preset(tmp_path):
    """CI has made this run by the README's first command; where it is missing, it is made here."""
    folder = smoke_run.FOLDER
    if smoke_run.missing():
        folder = tmp_path
        run(FOLDER, folder, preset="smoke", workers=2)
    records = ledger.records(folder)
    assert [record.notebook for record in records] == [path.name for path in documents.notebooks(FOLDER)]
    assert [record.failure for record in records] == [None] * len(records)
    ids = [claim.id for record in records for claim in record.claims]
    assert len(ids) == len(set(ids)) >= 40
    used = json.loads(records[0].path.read_text(encoding="utf-8"))["data"]["astronaut.png"]
    assert len(used["sha256"]) == 64


def test_ci_runs_the_commands_of_the_readme():
    """The first block of commands in the README has two commands; the first runs as it stands, with the quick preset."""
    block = re.search(r"```sh\n(.*?)```", (smoke_run.ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    first, second = (line.partition("#")[0].strip() for line in block.splitlines())
    lines = (smoke_run.ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert f"{first} PARAMS=smoke" == smoke_run.COMMAND
    assert lines[-2:] == [smoke_run.COMMAND, second]


def test_papermill_finds_the_records_from_another_folder(tmp_path):
    """The path of the records is relative to the notebook's folder. A folder with a space in its name changes nothing, nor do
    line ends as some editors write them."""
    source, folder = FOLDER / "13_what_area_is_worth.ipynb", tmp_path / "a folder"
    folder.mkdir()
    copy = folder / source.name
    copy.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    command = [sys.executable, "-m", "papermill", str(copy), str(folder / "out.ipynb"), "--log-level", "ERROR"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert claims_of(folder / "out.ipynb") == claims_of(source)


def claims_of(path):
    """The lines of the claims that an executed notebook printed."""
    printed = "".join(o.get("text", "") for cell in documents.code_cells(documents.read(path)) for o in cell.outputs)
    return re.findall(r"^\[\d\d\.\d+\] .*$", printed, re.M)
