"""Messages on their way to a far side that may take some of a request and not the others. Pure."""

from collections import deque
from collections.abc import Iterable

from pibridge.context.messages import Message


class Outbox:
    """Puts requests together so that each key keeps its order, whatever of them is taken.

    A request holds at most one message of a key (its topic): if it is not taken, nothing later of the key has left.
    `most_messages`, `most_bytes`: of one request; a message counts with its key.
    """

    def __init__(self, messages: Iterable[Message], *, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._waiting: dict[str, deque[Message]] = {}
        for message in messages:
            self._waiting.setdefault(message.topic, deque()).append(message)

    def request(self) -> list[Message]:
        """Give what may leave next; nothing if all was taken. What is given waits on until it is taken."""
        request: list[Message] = []
        room_bytes = self._most_bytes
        for waiting in self._waiting.values():
            room_bytes -= size_bytes(waiting[0])
            if request and (room_bytes < 0 or len(request) == self._most_messages):
                break
            request.append(waiting[0])
        return request

    def taken(self, message: Message) -> None:
        """Note that the far side has it, or never will: the next one of its key may leave."""
        waiting = self._waiting[message.topic]
        waiting.popleft()
        if not waiting:
            del self._waiting[message.topic]

    def not_taken(self, message: Message) -> None:
        """Note that it has to leave again, behind what has not been tried yet."""
        self._waiting[message.topic] = self._waiting.pop(message.topic)


def size_bytes(message: Message) -> int:
    """Give what a message counts for: its payload and its key."""
    return len(message.payload) + len(message.topic.encode())
