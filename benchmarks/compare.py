"""Compares the last run of the benchmarks with the newest stored one of each case, or stores it.

`python compare.py`: ends with 1 if a ratio got worse by more than noise. `python compare.py --keep`: stores it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import LAST
from figures import RATIOS, Figure, Stored, noise, number, table, worse_by

HISTORY: Final = Path(__file__).with_name("history.jsonl")
_read: Final = msgspec.json.Decoder(Stored).decode


def history(file: Path) -> list[Stored]:
    """Give all stored runs, the newest last."""
    return [_read(line) for line in file.read_bytes().splitlines()] if file.exists() else []


def compared(then: Sequence[Stored], now: Stored) -> list[tuple[str, str, Figure, Figure]]:
    """Give case, name, and the figures then and now, of all ratios that were stored before with the same sizes."""
    alike = [stored for stored in then if _size(stored) == _size(now)]
    newest = {case: figures for stored in alike for case, figures in stored.cases.items()}
    return [
        (case, name, newest[case][name], figure)
        for case, figures in now.cases.items()
        for name, figure in figures.items()
        if name in RATIOS and name in newest.get(case, {})
    ]


def _size(stored: Stored) -> dict[str, float]:
    """Give the sizes, but for how often was measured: short runs have other ratios than long ones."""
    return {name: size for name, size in stored.sizes.items() if name != "runs"}


def verdict(name: str, then: Figure, now: Figure) -> str:
    """Tell what became of a ratio."""
    change = worse_by(name, then, now)
    if abs(change) <= noise(then, now):
        return ""
    return "WORSE" if change > 0 else "better"


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="store the last run")
    parser.add_argument("--json", type=Path, default=LAST, help="the last run")
    parser.add_argument("--history", type=Path, default=HISTORY, help="the stored ones")
    given = parser.parse_args()
    if not given.json.exists():
        raise SystemExit("nothing was measured yet: make bench")
    now = _read(given.json.read_bytes())
    if given.keep:
        with given.history.open("ab") as file:
            file.write(msgspec.json.encode(now) + b"\n")
        return
    then = history(given.history)
    if then and then[-1].machine != now.machine:
        print("another machine than the stored one:", then[-1].machine, now.machine, sep="\n")
    rows = [(*row, verdict(row[1], row[2], row[3])) for row in compared(then, now)]
    print(
        table(
            ["case", "figure", "then", "now", "noise", ""],
            [(c, n, number(t.median), number(w.median), number(noise(t, w)), said) for c, n, t, w, said in rows],
        )
    )
    worse = [f"{case}: {name}" for case, name, _, _, said in rows if said == "WORSE"]
    if worse:
        raise SystemExit(f"worse by more than noise: {', '.join(worse)}")
    print(
        "no ratio is worse by more than noise"
        if rows
        else "nothing of these sizes is stored to compare with: make bench-keep"
    )


if __name__ == "__main__":
    main()
