"""A student's work on two exercises in JupyterLab: a wrong answer, the message that explains it, then a right answer."""

import nbformat
import pytest

from tests.browser import lab

release = pytest.importorskip("ipe_sr.coursework.release", reason="nbgrader makes student copies: pip install 'ipe_sr[course]'")
pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())

NAME = "01_pixels_are_areas.ipynb"
SESSION = [   # text that the answer cell holds, the answer to type, and what the test below it then prints
    ("def in_hr(", """def in_hr(position, n_lr, n_hr):
    return (n_lr - position) * n_hr / n_lr""", "With equal sizes only left and right are exchanged"),
    ("def in_hr(", """def in_hr(position, n_lr, n_hr):
    return (n_lr - 0.5 - position) * n_hr / n_lr - 0.5""", None),
    ("def seen(", """def seen():
    return f % (1 / s), abs(np.sinc(f * s))""", "fold it back"),
    ("def seen(", """def seen():
    return abs(f - round(f * s) / s), abs(np.sinc(f * s))""", None),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    with lab.serve(folder) as address:
        master = nbformat.read(lab.ROOT / "notebooks" / "exercises" / NAME, as_version=4)
        (folder / "notebooks" / "exercises").mkdir()
        nbformat.write(release.student_copy(master), folder / "notebooks" / "exercises" / NAME)
        yield address


def run(page, cell) -> None:
    """Select a cell by its margin, run it and wait until it has ended."""
    cell.locator(".jp-InputPrompt").first.click()
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell')")


def test_a_student_reads_what_is_wrong_and_corrects_it(address):
    lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with lab.browse() as page, lab.opened(page, address, f"exercises/{NAME}"):
        cells = page.locator(".jp-CodeCell")
        for step, (start, typed, told) in enumerate(SESSION):
            answer = cells.filter(has_text=start).first
            index = answer.evaluate("cell => [...document.querySelectorAll('.jp-CodeCell')].indexOf(cell)")
            for before in range(index):
                run(page, cells.nth(before))
            answer.locator(".cm-content").click()
            page.keyboard.press("Control+a")
            page.keyboard.insert_text(typed)
            run(page, answer)
            test = cells.nth(index + 1)
            run(page, test)
            test.scroll_into_view_if_needed()
            page.screenshot(path=lab.ARTEFACTS / f"exercise-{step}.png")
            output = " ".join(test.locator(".jp-OutputArea").inner_text().split())
            assert told in output if told else output == ""
        test.locator(".cm-content").click()
        page.keyboard.insert_text("assert True")
        assert "assert True" not in test.inner_text(), "a student cannot edit tests"
        assert page.errors == []
