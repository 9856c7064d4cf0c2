from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from pibridge.pi.frames import payload_of

SIZES = st.one_of(st.integers(0, 130), st.integers(65_530, 65_540))


@given(sizes=st.lists(SIZES, min_size=1, max_size=5), mask=st.booleans(), cut=st.integers(0, 200_000))
def test_a_frame_ends_where_the_next_begins(sizes: list[int], *, mask: bool, cut: int) -> None:
    """Of each size and with a mask or not; of a cut-off one the end is told as soon as the head is there."""
    frames = [Frame(Opcode.TEXT, b"x" * size).serialize(mask=mask) for size in sizes]
    data = b"".join(frames)
    place = 0
    for frame, size in zip(frames, sizes, strict=True):
        begin, end = payload_of(data, place)
        assert (end - begin, end) == (size, place + len(frame))
        begin_of_cut, end_of_cut = payload_of(data[: place + cut], place)
        assert end_of_cut == (end if place + cut >= begin else -1)
        assert begin_of_cut <= begin
        place = end
    assert place == len(data)
