"""What the simulator can be told: the size of its plant, and the behaviours that are not known for sure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pibridge.simulator.webid import WebIdType


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """How a simulated PI Web API behaves.

    `port` 0: a free one. `users`: name to password for Basic. `tokens`: bearer token to name; what is put in or taken
    out counts from then on. `bearer_on_channels` False: tokens open no channel. `keytab`: key table that Kerberos
    tickets are verified with (needs gssapi). None of these: anonymous. `admins`: who may read the protected
    system resources. `faults`: as `Faults.add` takes them, timed from the start. `bulk_points`: generic points beside
    the plant's own, each with `event_rate` events/s. `compression` False: the archive keeps every snapshot.
    `channel_interval_s`: how often channels look for new values. `rate_limit`: requests a second of a client.
    `repeated_share`, `late_share`: the part of channel entries that repeat the current value, and of values that are
    sent one message late, behind newer ones. `max_count_scope`: whether `maxCount` of streamsets/recorded counts per
    stream or in total. `channel_sends_deletions`: a deleted value is sent, marked Substituted.
    `selected_fields_hide_errors`: selectedFields drops Errors and WebException that are not named. `old_markers`: what
    asking again with the stream update marker before the last one gives, the events or an exception. `updates_lost`:
    how a set of stream updates says that no registration is left, as exceptions in its items or by status 404.
    `update_queue_events`: how many changes of one registration are kept; of more, the newest are dropped, without a
    word or (`update_overflow`) with an exception that ends the registration. `previous_event_told` False: updates say
    None of what became of the snapshot before. `recorded_has_snapshot` False: recorded holds only what is final.
    `open_end`: how an event frame that has not ended says so. `frame_sort_fields`: whether event frames are sorted by
    other fields than their name, or such a request is refused. `derived_frames`: `templateName` takes event frames of
    derived templates too. `next_on_last_page`: lists have a link to the page after the last one, which is empty.
    """

    host: str = "127.0.0.1"
    port: int = 0
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    tokens: Mapping[str, str] | None = field(default=None, repr=False)
    bearer_on_channels: bool = True
    keytab: Path | None = None
    admins: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()
    seed: int = 1
    bulk_points: int = 0
    event_rate: float = 0.1
    compression: bool = True
    cycle_s: float = 1800.0
    channel_interval_s: float = 1.0
    repeated_share: float = 0.01
    late_share: float = 0.005
    max_items_per_call: int = 150_000
    rate_limit: int | None = None
    web_id_type: WebIdType = WebIdType.FULL
    max_count_scope: Literal["stream", "total"] = "stream"
    channel_sends_deletions: bool = True
    selected_fields_hide_errors: bool = True
    old_markers: Literal["repeat", "error"] = "repeat"
    updates_lost: Literal["items", "status"] = "items"
    update_queue_events: int = 50_000
    update_overflow: Literal["silence", "error"] = "silence"
    previous_event_told: bool = True
    recorded_has_snapshot: bool = True
    open_end: Literal["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z"] = "9999-12-31T23:59:59Z"
    frame_sort_fields: Literal["all", "name"] = "all"
    derived_frames: bool = True
    next_on_last_page: bool = False
    csrf_defense: bool = True
    version: str = "1.19.0.0"
