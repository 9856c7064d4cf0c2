"""What became of an event in each replay that means it: the facts of the journal, and the verdict that follows."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from pibridge.config.settings import Configuration
from pibridge.context import filters
from pibridge.delivery.verdict import Again, FactsAgain, verdict_again
from pibridge.inspection.explanation import InReplay
from pibridge.inspection.records import Records
from pibridge.inspection.sightings import Sighting
from pibridge.journal.letters import DeadLetter
from pibridge.journal.replay import Replay


class _Line(Struct):
    replay: str = ""


_read_line: Final = msgspec.json.Decoder(_Line).decode


def replay_of(letter: DeadLetter) -> str:
    """Give the id of the replay that sent what was refused; empty: none did, or it was sent again since."""
    return _read_line(letter.line).replay


class InReplays:
    """Judges by the configuration as it is now. `replays`: those that the journal remembers."""

    def __init__(self, configuration: Configuration, replays: Collection[Replay], records: Records) -> None:
        self._configuration = configuration
        self._replays = replays
        self._records = records
        self._settings = configuration.sink_filters()

    def of(
        self, sink: str, sighting: Sighting, letters: Mapping[str, DeadLetter], resending: Collection[str]
    ) -> dict[str, InReplay]:
        """Give it by id. `letters`, `resending`: dead letters of the event at the sink, by the replay that sent it."""
        found: dict[str, InReplay] = {}
        seq = sighting.seq
        for replay in self._replays:
            if seq is None or replay.sink != sink:
                continue
            record = self._records.again(replay, sighting.lane, seq, sighting.event)
            if record is None:
                continue
            key = filters.build(self._settings[sink])(record)
            facts = FactsAgain(
                seq=seq,
                done=replay.seq,
                leaving=replay.sealed.until if replay.sealed else 0,
                is_cancelled=replay.state == "cancelled",
                is_resending=replay.id in resending,
                is_refused=replay.id in letters,
                withheld_by=self._configuration.filter_key(sink, key) if key else "",
            )
            reason = letters[replay.id].reason if facts.is_refused else ""
            found[replay.id] = InReplay(
                state=replay.state, verdict=verdict_again(facts), why=_why(facts, replay, reason), key=facts.withheld_by
            )
        return found


def _why(facts: FactsAgain, replay: Replay, reason: str) -> str:
    """Say why, in words."""
    key = facts.withheld_by
    would = f"{key} would keep it back" if key else "the filter lets it pass"
    return {
        Again.RESENDING: "it was refused, and waits to be sent again",
        Again.REFUSED: f"a dead letter: {reason}",
        Again.WAITING: f"the replay is at seq {facts.done} of {replay.upto}; {would}",
        Again.UNCERTAIN: "it was on its way when the replay was cancelled, and was not confirmed",
        Again.CANCELLED: f"the replay was cancelled at seq {facts.done}",
        Again.WITHHELD: f"{key} keeps it back",
        Again.DELIVERED: "it was sent again, and confirmed",
    }[verdict_again(facts)]
