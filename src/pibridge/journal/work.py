"""What is done within one transaction: chunks that are stored together, and what else changes with them."""

from msgspec import Struct, field

from pibridge.journal import facts, gaps, held
from pibridge.journal.chunks import Rows
from pibridge.journal.facts import DropFact, Fact
from pibridge.journal.gaps import AdvanceGap, CloseGap
from pibridge.journal.held import DropHeld
from pibridge.journal.jobs import Settled, Store
from pibridge.journal.tally import Ledger


class Work(Struct):
    """`has_room`: all that is to be stored fits, and nothing has to go for it. `refused`: what did not fit.

    What is stored is in the table once `rows` are written.
    """

    ledger: Ledger
    rows: Rows
    has_room: bool
    settled: Settled = field(default_factory=Settled)
    refused: list[Store] = field(default_factory=list)

    def store(self, store: Store) -> None:
        """Store what was packed, or hold it."""
        if store.holds:
            store.held_ids = [held.insert(self.ledger.db, part, store.arrived_ticks) for part in store.packed]
        else:
            store.first_seq = self.ledger.tally.next_seq
            for part in store.packed:
                self.rows.add(store.lane, part, store.arrived_ticks)
            self._change(store)
        self.settled.stored.append(store)
        if store.future is not None:
            self.settled.answers.append((store.future, None))

    def _change(self, store: Store) -> None:
        db = self.ledger.db
        for change in store.changes:
            match change:
                case AdvanceGap() | CloseGap():
                    gaps.change(db, (change,))
                case Fact() | DropFact():
                    facts.change(db, (change,))
                case DropHeld():
                    held.drop(db, change.id)
