"""Messages handed to the Greengrass nucleus: packed to what it takes, evenly paced, each until it is accepted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from pibridge.context.messages import Encoding, Message, Packing
from pibridge.context.record import Context, Record, context_of
from pibridge.context.topics import TopicTemplate
from pibridge.errors import UnavailableError
from pibridge.greengrass.component import Component
from pibridge.greengrass.connection import NucleusConnection
from pibridge.greengrass.failures import NeverTakenError, NotTakenError
from pibridge.greengrass.limits import Operation, most_payload_bytes, topic_problem
from pibridge.model.event import Lane
from pibridge.model.tag import Asset, Mode, Tag
from pibridge.sinks.contract import Batch, Receipt, Refusal, start_of
from pibridge.sinks.pace import Pace
from pibridge.sinks.settings import PublishLimits

_ENOUGH_RECORDS: Final = 4000
"""A batch of a backlog ends with so many: enough to fill messages, little enough to hold in memory."""
_TRIES: Final = 8
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_CHECK: Final = "_pibridge_check"


class NucleusSink:
    """Sends records by one operation of the nucleus, which promises no more than to have accepted them.

    `promise`: what that means, for people. `filled_bytes`: a payload of several records does not exceed this.
    `sleep`: of the pauses after the nucleus did not take a message.
    """

    def __init__(  # noqa: PLR0913 - what two types of sinks differ in
        self,
        operation: Operation,
        component: Component,
        topic: str,
        site: str,
        *,
        promise: str,
        limits: PublishLimits,
        encoding: Encoding = "json",
        filled_bytes: int = 1 << 30,
        max_age_s: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.max_age_s = max_age_s
        self._operation = operation
        self._site = site
        self._topics = TopicTemplate(topic, site)
        self._most_bytes = most_payload_bytes(operation, component.nucleus)
        self._packing = Packing(site, self._topics.of, self._most_bytes, encoding=encoding, filled_bytes=filled_bytes)
        self._nucleus = component.nucleus
        self._connection = NucleusConnection(component)
        self._promise = promise
        self._pace = Pace(limits)
        self._sleep = sleep
        self._accepted: dict[Lane, tuple[tuple[int, str], set[int]]] = {}

    async def open(self) -> None:
        """Connect."""
        await self._connection.open()

    async def write(self, batch: Batch) -> Receipt:
        """Hand over all messages, one after the other; the nucleus's answer to each is the acknowledgement.

        Tried again, only what was not accepted is handed over.
        """
        start, accepted = self._accepted.get(batch.lane, (None, set()))
        if start != start_of(batch):
            accepted = set()
            self._accepted[batch.lane] = start_of(batch), accepted
        refused: list[Refusal] = []
        records: list[Record] = []
        async for part in batch:
            records += part
            if len(records) >= _ENOUGH_RECORDS:
                if batch.sealed is None:
                    break
                refused += await self._send(records, accepted)
                records = []
        await batch.seal()
        refused += await self._send(records, accepted)
        del self._accepted[batch.lane]
        return Receipt(refused)

    async def probe(self) -> str:
        """Publish a message without records, as `write` would: nothing else shows whether the policy allows it."""
        topic = self._topics.of(_check_context(self._site))
        problem = topic_problem(topic, self._operation)
        if problem:
            raise UnavailableError(problem, hint="shorten the topic of the sink")
        await self._publish(topic, self._packing.empty())
        return f"published a message without records to {topic} by the {self._nucleus} nucleus; {self._promise}"

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connection.close()

    async def _send(self, records: list[Record], accepted: set[int]) -> list[Refusal]:
        """Hand over what is not accepted yet, and note what is; give what the nucleus will never take."""
        owed = [record for record in records if record.seq not in accepted]
        messages, too_large = await asyncio.to_thread(self._packing.pack, owed)
        refused = [
            Refusal(each.record, f"has {each.size_bytes} bytes, the nucleus takes {self._most_bytes} in one message")
            for each in too_large
        ]
        for message in messages:
            reason = topic_problem(message.topic, self._operation) or await self._reason_against(message)
            if reason:
                refused += [Refusal(record, reason) for record in message.records]
            else:
                accepted.update(record.seq for record in message.records)
        return refused

    async def _reason_against(self, message: Message) -> str:
        """Hand over one message; if the nucleus will never take it, say why."""
        tries = AsyncRetrying(
            retry=retry_if_exception_type(NotTakenError),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
            stop=stop_after_attempt(_TRIES),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            await tries(self._publish, message.topic, message.payload)
        except NeverTakenError as error:
            return str(error)
        return ""

    async def _publish(self, topic: str, payload: bytes) -> None:
        await self._pace.admit(len(topic) + len(payload))
        try:
            if self._operation is Operation.PUBLISH_TO_IOT_CORE:
                await self._connection.publish_to_iot_core(topic, payload)
            else:
                await self._connection.publish_to_topic(topic, payload)
        finally:
            self._pace.done()


def _check_context(site: str) -> Context:
    tag = Tag(stream=_CHECK, mode=Mode.REALTIME, name=_CHECK, path=_CHECK, web_id="")
    return context_of(site, tag, Asset(_CHECK, attribute=_CHECK), Lane.LIVE)
