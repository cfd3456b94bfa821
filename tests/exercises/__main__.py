"""python -m tests.exercises [03 ...]: compare the points of right and wrong answers with the points that they should get.

The right answers are the solutions and alternatives.yaml; the wrong ones are in bank/.
"""

import sys

from tests.exercises.runner import attempt, cases

FORM = "{:<5} {:<28} {:>6} {:>4}   {}"


def main(numbers: list[str]) -> None:
    print(FORM.format("", "answer", "points", "due", "what the first failing test says"))
    equal = total = 0
    for case in cases(numbers):
        full = {"points": case.exercise.points}
        right = [({"name": "the solution"} | full, case.solution)]
        right += [(entry | full, case.filled(entry)) for entry in case.alternatives()]
        for entry, answer in [*right, *((entry, case.filled(entry)) for entry in case.bank())]:
            outcome = attempt(case, answer)
            said = next((f"{type(e).__name__}: {e}" for part, e in outcome.errors.items() if part != "answer"), "")
            print(FORM.format(case.exercise.id, entry["name"], outcome.points, entry["points"], said))
            total, equal = total + 1, equal + (outcome.points == entry["points"])
    print(f"{equal} of {total} as due")
    sys.exit(not 0 < equal == total)   # a number without exercises is a mistake


if __name__ == "__main__":
    main(sys.argv[1:])
