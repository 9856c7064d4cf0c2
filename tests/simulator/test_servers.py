from pibridge.simulator.servers import AF, ARCHIVE, SECOND_ARCHIVE, guid


def test_guids_are_the_same_in_every_run() -> None:
    """WebIDs survive a restart of the simulator."""
    assert str(guid("PISRV1")) == "a04be70c-ca23-5017-a293-e7dd2051bc10"
    assert guid("a") != guid("b")
    assert ARCHIVE.guid == guid("PISRV1")


def test_servers_are_told_apart() -> None:
    """Each has its own identity and path."""
    assert len({server.identity for server in (ARCHIVE, SECOND_ARCHIVE, AF)}) == 3
    assert AF.path == r"\\AF1"
