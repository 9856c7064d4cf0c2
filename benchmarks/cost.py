"""What destinations count of a plant's events: messages, requests, values, objects, bytes. Nothing is sent.

The load is made up, always the same: 500 assets of 20 attributes (16 transmitters in single precision, a counter, two
digital states, a text), 500 events/s, of which two transmitters of each asset give three fifths; on each asset a batch
of an hour, with operations of ten minutes. One value in two hundred is questionable or bad. Each case packs it as the
sink does. Figures are per million events.
"""

import argparse
import io
import json
import random
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import zstandard

from pibridge.context.batches import Batch, Level, batch_of_frame
from pibridge.context.messages import Encoding, Packing
from pibridge.context.record import Context, Record, context_of, json_lines
from pibridge.context.topics import TopicTemplate
from pibridge.model import ticks
from pibridge.model.event import BAD, QUESTIONABLE, Event, Lane
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.simulator.signals import float32
from pibridge.simulator.times import on_grid
from pibridge.sinks.formats import FORMATS, PARQUET, gathered, open_format
from pibridge.sinks.kinesis import outbox_of, packing_of
from pibridge.sinks.outbox import size_bytes
from pibridge.sinks.pace import MOST_MESSAGE_BYTES
from pibridge.sinks.parquet_writer import write as write_parquet
from pibridge.sinks.settings import KinesisSettings, RollS3
from pibridge.sinks.sitewise.aliases import AliasTemplate
from pibridge.sinks.sitewise.packing import pack
from pibridge.sinks.sitewise.tqv import Tqv, tqv

SITE = "houston"
ASSETS = 500
UNITS = {
    "Temperature": "°C",
    "Pressure": "bar",
    "Flow In": "m3/h",
    "Flow Out": "m3/h",
    "Level": "%",
    "Level Setpoint": "%",
    "Agitator Speed": "rpm",
    "Power": "kW",
    "pH": "",
    "Jacket Temperature": "°C",
    "Head Pressure": "bar",
    "Density": "kg/m3",
    "Conductivity": "mS/cm",
    "Valve Position": "%",
    "Weight": "kg",
    "Torque": "N m",
}
COUNTER, RECIPE = "Batches Made", "Recipe"
CHOICES = {
    "State": ("Idle", "Filling", "Heating", "Holding", "Draining"),
    "Control Mode": ("Off", "Manual", "Auto", "Cascade"),
    RECIPE: ("Ale", "Lager", "Porter", "Stout"),
}
ATTRIBUTES = (*UNITS, COUNTER, *CHOICES)
BUSY = ("Flow In", "Flow Out")
PERIOD_S = {name: ASSETS * 2 / 300 if name in BUSY else ASSETS * 18 / 200 for name in ATTRIBUTES}
START_TICKS = ticks.parse("2026-03-09T12:00:00Z")
BATCH_TICKS = 3600 * ticks.PER_SECOND
OPERATION_TICKS = 600 * ticks.PER_SECOND

BY_ASSET, BY_STREAM = "pi/{site}/{asset.path}", "pi/{site}/{stream}"
TOPICS = (
    (BY_ASSET, 0.25),
    (BY_ASSET, 10.0),
    (BY_ASSET, 60.0),
    (BY_STREAM, 0.25),
    (BY_STREAM, 1.0),
    (BY_STREAM, 10.0),
    (BY_ASSET, None),
    (BY_STREAM, None),
)
"""Topic and roll.age; none: what has gathered in an outage, in batches of BACKLOG records."""
ENCODINGS: tuple[Encoding, ...] = ("json", "json.gz", "columns")
BACKLOG = 10_000
STEP_BYTES = 5 << 10
"""What AWS IoT Core bills as one message: topic and payload."""
UNIT_BYTES = 25 << 10
"""What a Kinesis data stream bills as one PUT payload unit."""
PART = 1000
"""Records that a sink is given at a time."""

Row = tuple[str | float, ...]


class Plant:
    """Its tags, their values and the batches on its assets; all by one seed."""

    def __init__(self) -> None:
        self.chance = random.Random(1)  # noqa: S311 - play numbers
        self.database = self._id()
        self.contexts = [self._context(asset, name) for asset in range(ASSETS) for name in ATTRIBUTES]
        self.levels = [self.chance.uniform(1, 500) for _ in self.contexts]
        self.begun = [self.chance.randrange(BATCH_TICKS) for _ in range(ASSETS)]
        self._batches: dict[tuple[int, int], Batch] = {}

    def records(self, seconds: float) -> list[Record]:
        """Give the records of so many seconds, in the order of their times."""
        moments = sorted(
            (at, number)
            for number in range(len(self.contexts))
            for at in self._times(PERIOD_S[ATTRIBUTES[number % len(ATTRIBUTES)]], seconds)
        )
        made = []
        for seq, (at, number) in enumerate(moments, 4_000_000):
            moment = on_grid(START_TICKS + ticks.from_seconds(at))
            value, status = self._value(number)
            batch = self._batch(number // len(ATTRIBUTES), moment)
            made.append(Record(seq, Event(number, moment, value, status), self.contexts[number], batch))
        return made

    def _times(self, period_s: float, seconds: float) -> Iterator[float]:
        at = self.chance.uniform(0, period_s)
        while at < seconds:
            yield at
            at += period_s * self.chance.uniform(0.5, 1.5)

    def _value(self, number: int) -> tuple[object, int]:
        name = ATTRIBUTES[number % len(ATTRIBUTES)]
        if name == COUNTER:
            self.levels[number] += 1
            return int(self.levels[number]), 0
        if name in CHOICES:
            code = self.chance.randrange(len(CHOICES[name]))
            text = CHOICES[name][code]
            return text if name == RECIPE else {"Name": text, "Value": code, "IsSystem": False}, 0
        self.levels[number] += self.chance.gauss(0, 0.5)
        luck = self.chance.random()
        if luck < 0.002:  # noqa: PLR2004 - a fifth of a percent
            return {"Name": "Bad Input", "Value": 255, "IsSystem": True}, BAD
        return float32(self.levels[number]), QUESTIONABLE if luck < 0.005 else 0  # noqa: PLR2004 - half a percent

    def _batch(self, asset: int, moment: int) -> Batch:
        since = moment - START_TICKS + self.begun[asset]
        key = asset, since // OPERATION_TICKS
        if key not in self._batches:
            number = since // BATCH_TICKS
            begun = START_TICKS - self.begun[asset] + number * BATCH_TICKS
            # The same frame has the same id, whichever operation runs in it.
            ids = random.Random(asset * 1000 + number)  # noqa: S311 - play numbers
            name = f"B-{number * ASSETS + asset + 1000}"
            batch, level = (str(UUID(int=each.getrandbits(128))) for each in (ids, self.chance))
            operation = Level("Operation", ("Fill", "Mash", "Heat", "Hold", "Cool", "Empty")[key[1] % 6], level)
            frame = Level("Unit Batch", name, batch)
            self._batches[key] = batch_of_frame(name, valid=True, frame=frame, start_ticks=begun, levels=(operation,))
        return self._batches[key]

    def _context(self, asset: int, name: str) -> Context:
        path = f"Plant/Area{asset // 25 + 1}/R{asset + 1:03d}"
        element = urlsafe_b64encode(random.Random(asset).randbytes(16)).decode().rstrip("=")  # noqa: S311 - the same
        tag = Tag(
            stream="reactors",
            mode=Mode.REALTIME,
            name=f"{path}|{name}",
            path="\\\\AF1\\" + path.replace("/", "\\") + f"|{name}",
            web_id=f"F1AbE{self.database}{element}{self._id()}",
            unit=UNITS.get(name, ""),
            text=name == RECIPE,
            asset=Asset(path, "Reactor", name),
        )
        return context_of(SITE, tag, tag.asset, Lane.LIVE, has_batches=True)

    def _id(self) -> str:
        return urlsafe_b64encode(self.chance.randbytes(16)).decode().rstrip("=")


def gatherings(records: Sequence[Record], age_s: float | None) -> Iterator[Sequence[Record]]:
    """Give the records as batches of this age; of none: as those of a backlog."""
    begin = 0
    for end, record in enumerate(records):
        is_over = (
            end - begin == BACKLOG
            if age_s is None
            else record.event.ticks - records[begin].event.ticks >= ticks.from_seconds(age_s)
        )
        if is_over:
            yield records[begin:end]
            begin = end
    yield records[begin:]


def span(age_s: float | None) -> str:
    """Name how long records gather, as the configuration does."""
    if age_s is None:
        return "after an outage"
    return f"{age_s:g}s" if age_s >= 1 else f"{age_s * 1000:g}ms"


def steps(sizes: Iterable[int], step_bytes: int) -> int:
    """Give what is billed of so many bytes each."""
    return sum(-(-size // step_bytes) for size in sizes)


def iot_core(records: Sequence[Record]) -> Iterator[Row]:
    """Give topic, roll.age, encoding, messages, bytes, and messages that are billed."""
    single = Packing(SITE, TopicTemplate("pi/{site}/{tag}", SITE).of, MOST_MESSAGE_BYTES, most_records=1)
    sizes = [size_bytes(message) for message in single.pack(records)[0]]
    yield "`pi/{site}/{tag}`", "one event a message", "json", len(sizes), sum(sizes), steps(sizes, STEP_BYTES)
    for topic, age_s in TOPICS:
        for encoding in ENCODINGS:
            packing = Packing(SITE, TopicTemplate(topic, SITE).of, MOST_MESSAGE_BYTES, encoding=encoding)
            sizes = [size_bytes(each) for some in gatherings(records, age_s) for each in packing.pack(some)[0]]
            yield f"`{topic}`", span(age_s), encoding, len(sizes), sum(sizes), steps(sizes, STEP_BYTES)


def sitewise(records: Sequence[Record]) -> Iterator[Row]:
    """Give gather, requests, entries (up to ten values of a property in one request), values."""
    aliases = AliasTemplate("/{site}/{asset.path}/{attribute}", SITE)
    for gather_s in (1.0, 10.0, 60.0, 600.0):
        requests = entries = values = 0
        for some in gatherings(records, gather_s):
            made = [tqv(record, aliases.of(record.context).text, "name") for record in some]
            for request in pack(value for value in made if isinstance(value, Tqv)):
                requests += 1
                entries += len(request)
                values += sum(len(entry.values) for entry in request)
        yield span(gather_s), requests, entries, values


def kinesis(records: Sequence[Record]) -> Iterator[Row]:
    """Give partition key, requests, messages, bytes, PUT payload units, bytes rounded up to 1 KB each."""
    for key in ("{tag}", "{asset.path}", "{stream}"):
        packing = packing_of(KinesisSettings(type="kinesis", stream="plant", partition_key=key), SITE)
        requests = 0
        sizes: list[int] = []
        for some in gatherings(records, 1.0):
            outbox = outbox_of(packing.pack(some)[0])
            while request := outbox.request():
                requests += 1
                sizes += map(size_bytes, request)
                for message in request:
                    outbox.taken(message)
        yield f"`{key}`", requests, len(sizes), sum(sizes), steps(sizes, UNIT_BYTES), steps(sizes, 1 << 10) << 10


def s3(records: Sequence[Record]) -> Iterator[Row]:
    """Give format, objects and bytes, rolled as the sink does by default."""
    roll = RollS3()
    for name in FORMATS:
        sizes = [size for some in gatherings(records, roll.age) for size in objects(name, some, roll.size)]
        yield f"`{name}`", len(sizes), sum(sizes)


def objects(name: str, records: Sequence[Record], roll_bytes: int) -> Iterator[int]:
    """Give the sizes of the objects that hold these records."""
    encoder, body = open_format(gathered(name)), bytearray()
    for start in range(0, len(records), PART):
        body += encoder.encode(json_lines(records[start : start + PART]))
        is_last = start + PART >= len(records)
        if is_last or len(body) >= roll_bytes:
            body += encoder.finish()
            yield parquet_bytes(bytes(body)) if name == PARQUET else len(body)
            encoder, body = open_format(gathered(name)), bytearray()


def parquet_bytes(lines: bytes) -> int:
    """Give the size of the Parquet file made of these lines, which are compressed."""
    with tempfile.TemporaryFile() as made:
        write_parquet(io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(lines)), made)
        return made.tell()


TABLES = {
    "AWS IoT Core": (iot_core, ("topic", "`roll.age`", "`encoding`", "messages", "MB", "billed messages")),
    "AWS IoT SiteWise": (sitewise, ("`gather`", "requests", "entries", "values")),
    "Kinesis": (kinesis, ("`partition_key`", "requests", "messages", "MB", "payload units", "MB in steps of 1 KB")),
    "S3": (s3, ("`format`", "objects", "MB")),
}


def table(heads: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Give the lines of a table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(each if isinstance(each, str) else said(each) for each in row)} |"


def said(figure: float) -> str:
    """Give a figure with three digits that count, or as a whole number."""
    return f"{figure:,.3g}" if figure < 1000 else f"{float(f'{figure:.3g}'):,.0f}"  # noqa: PLR2004 - three digits


def main() -> None:
    """Print the tables, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="how much of the plant's life is packed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    records = Plant().records(options.seconds)
    print(f"{len(records):,} events of {options.seconds:g} s; figures per million events")
    found = {}
    for title, (count, heads) in TABLES.items():
        scale = [1e6 / len(records) * (1e-6 if head.startswith("MB") else 1) for head in heads]
        rows = [
            tuple(each if isinstance(each, str) else each * by for each, by in zip(row, scale, strict=True))
            for row in count(records)
        ]
        found[title] = [dict(zip(heads, row, strict=True)) for row in rows]
        print("", title, "", *table(heads, rows), sep="\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
