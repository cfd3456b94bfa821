"""How many steps and seconds of training a row needs to reach a PSNR."""

import numpy as np
import pytest
from report_world import CELL, FULL, SKIP, place, record, save, score

from ipe_sr.report import learning, results

STEPS = np.array([[10, 5, 20.0], [20, 10, 22.0], [30, 15, 21.0], [40, 20, 24.0]])


@pytest.mark.parametrize(("goal", "expected"), [
    (19, (10, 5)), (20, (10, 5)), (21, (15, 7.5)), (22, (20, 10)), (23, (30 + 20 / 3, 15 + 10 / 3)), (24, (40, 20)), (25, None),
])
def test_reach_is_the_first_time_on_the_line_between_validations(goal, expected):
    found = learning.reach(STEPS, goal)
    assert found == (expected and pytest.approx(expected))


def curve(*psnr):
    return [{"step": 10 * i, "name": name, "value": float(value)} for i, values in enumerate(psnr, 1)
            for name, value in (("seconds", 2 * i), ("psnr_x2", values + 1), ("psnr_x4", values - 1))]


def test_the_table_has_a_column_for_what_each_row_ends_with(tmp_path):
    for row, *curves in ((FULL, (20, 24), (20, 26)), (CELL, (20, 22), (20, 22)), (SKIP, (20, 30), (20, 20))):
        for seed, values in enumerate(curves):
            save(tmp_path, record(place(row, seed), [score([30.0, 31.0])], curve=curve(*values)))
    (sweep,) = results.sweeps(tmp_path)
    (section,) = results.sections(sweep)
    table = learning.table(section)
    assert [entry.split(":")[0] for entry in table.header[1:]] == ["22.00 dB", "25.00 dB", "25.00 dB"]
    text = {row[0].text: [(entry.text, entry.below) for entry in row[1:]] for row in table.rows}
    assert text[FULL][0] == ("14", ("3 s",)) and text[CELL][0] == ("20", ("4 s",))
    assert text[FULL][1] == ("18 (1 of 2)", ("4 s",)) and text[CELL][1] == ("not reached", ())
    assert text[SKIP][1] == ("15 (1 of 2)", ("3 s",))


def test_one_row_alone_has_nothing_to_be_compared_with(tmp_path):
    save(tmp_path, record(place(FULL), [score([30.0])]))
    (section,) = results.sections(results.sweeps(tmp_path)[0])
    assert learning.table(section) is None
