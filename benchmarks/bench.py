"""Measures PI Bridge on this machine, as ratios to what the machine can do at all, measured in the same run.

All cases are measured in turn, again and again; what counts is the median. `make bench` keeps the result beside this
file, `make bench-compare` compares it with what is stored.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

import msgspec

import budget
import machine
from cases import Case, all_cases
from figures import COUNTS, RATIOS, Results, Stored, gathered, number, table
from processes import SkippedError

HERE: Final = Path(__file__).parent
LAST: Final = HERE / "last.json"
_RUNS: Final = 5
_QUICK_RUNS: Final = 2


def measured(cases: Sequence[Case], runs: int, scratch: Path) -> Results:
    """Measure all cases in turn, so many times; tell what goes on."""
    found: dict[str, list[dict[str, float]]] = {}
    skipped: set[str] = set()
    for run in range(1, runs + 1):
        for case in cases:
            if case.name in skipped:
                continue
            with TemporaryDirectory(prefix="pibridge-bench-", dir=scratch) as folder:
                try:
                    figures = case.run(Path(folder))
                except SkippedError as error:
                    print(f"{case.name} is left out: {error}", file=sys.stderr, flush=True)
                    skipped.add(case.name)
                    continue
            found.setdefault(case.name, []).append(figures)
            ratios = ", ".join(f"{name} {number(value)}" for name, value in figures.items() if name in RATIOS)
            print(f"{run} of {runs}  {case.name}: {ratios}", file=sys.stderr, flush=True)
    return {name: gathered(each) for name, each in found.items()}


def tables(cases: Sequence[Case], results: Results) -> str:
    """Give the ratios with their targets, and then all other figures but what is counted."""
    aimed = [
        (case, name, figure)
        for case in cases
        for name, figure in results.get(case.name, {}).items()
        if name in RATIOS or name in case.targets
    ]
    ratios = table(
        ["case", "figure", "median", "from", "to", "target", "stretch"],
        [
            (case.name, name, *map(number, (figure.median, figure.low, figure.high)), *_target(case, name))
            for case, name, figure in aimed
        ],
    )
    others = table(
        ["case", "figure", "median", "from", "to"],
        [
            (case.name, name, *map(number, (figure.median, figure.low, figure.high)))
            for case in cases
            for name, figure in results.get(case.name, {}).items()
            if name not in RATIOS and name not in case.targets and name not in COUNTS
        ],
    )
    return f"{ratios}\n\n{others}"


def _target(case: Case, name: str) -> tuple[str, str]:
    target = case.targets.get(name)
    if target is None:
        return "", ""
    sign = "≥" if RATIOS.get(name, False) else "≤"
    return f"{sign} {number(target.needed)}", f"{sign} {number(target.stretch)}"


def chosen(cases: Sequence[Case], patterns: Sequence[str], *, with_long: bool) -> list[Case]:
    """Give the cases that are asked for by name; without names all, but the long ones only if they are wanted."""
    if not patterns:
        return [case for case in cases if with_long or not case.is_long]
    for pattern in patterns:
        if not any(fnmatchcase(case.name, pattern) for case in cases):
            raise SystemExit(f"no case is named {pattern}; there are: {', '.join(case.name for case in cases)}")
    return [case for case in cases if any(fnmatchcase(case.name, pattern) for pattern in patterns)]


def _revision() -> str:
    said = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, check=False)  # noqa: S607 - on PATH
    return said.stdout.decode().strip()


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", action="append", default=[], help="only this one (wildcards allowed); several times")
    parser.add_argument("--list", action="store_true", help="tell which cases there are")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_RUNS} runs")
    parser.add_argument("--long", action="store_true", help="the long cases, too")
    parser.add_argument("--runs", type=int, help=f"how often each case is measured (default {_RUNS})")
    parser.add_argument("--events", type=int, default=150_000, help="of one run (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of one latency (default %(default)s)")
    parser.add_argument("--tags", type=int, default=100_000, help="of the case many-tags (default %(default)s)")
    parser.add_argument("--gigabytes", type=float, default=3, help="of the case large-journal (default %(default)s)")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()), help="a folder on the disk to be measured")
    parser.add_argument(
        "--json", type=Path, default=LAST, help="where the result goes (default: last.json, beside this)"
    )
    given = parser.parse_args()
    runs = given.runs or (_QUICK_RUNS if given.quick else _RUNS)
    known = all_cases(given.events, given.seconds, given.tags, given.gigabytes)
    if given.list:
        print(table(["case", "what", "is long"], [(case.name, case.about, "yes" * case.is_long) for case in known]))
        return
    cases = chosen(known, given.case, with_long=given.long)
    results = measured(cases, runs, given.scratch)
    stored = Stored(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        revision=_revision(),
        machine=machine.described(given.scratch) | {"memory cap of a board": budget.how_capped()},
        sizes={name: getattr(given, name) for name in ("events", "seconds", "tags", "gigabytes")} | {"runs": runs},
        cases=results,
    )
    given.json.write_bytes(msgspec.json.format(msgspec.json.encode(stored)))
    print(tables(cases, results))


if __name__ == "__main__":
    main()
