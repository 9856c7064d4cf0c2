from http import HTTPStatus

import pytest

from pibridge.simulator import call
from pibridge.simulator.call import Query, Refused, Router

ROUTER = Router([("GET", "/streamsets/{}/value", lambda _: "parent"), ("GET", "/streamsets/value", lambda _: "ad hoc")])


def test_parameters_do_not_care_about_case() -> None:
    """Names are compared without case, values keep theirs, and a parameter can be there several times."""
    query = Query("webId=A&WEBID=b&showHidden=TRUE&maxcount=5&empty=")
    assert query.many("webid") == ["A", "b"]
    assert query.flag("ShowHidden")
    assert query.whole("maxCount", 1000) == 5
    assert query.whole("startIndex", 7) == 7
    assert query.text("empty", "default") == "default"


def test_another_page_keeps_the_other_parameters() -> None:
    """A link to a page differs in the page only."""
    assert Query("nameFilter=R*&startIndex=9").paged(20, 10) == "namefilter=R%2A&startIndex=20&maxCount=10"


def test_a_number_that_is_none_is_a_bad_request() -> None:
    """The answer names the parameter."""
    with pytest.raises(Refused, match="maxCount") as caught:
        Query("maxCount=-1").whole("maxCount", 1)
    assert caught.value.status is HTTPStatus.BAD_REQUEST


def test_routes() -> None:
    """A word in the path wins over a variable part; case does not matter; what varies is given decoded."""
    assert ROUTER.find("GET", "/StreamSets/A%20b/Value")[1] == ["A b"]
    assert ROUTER.find("GET", "/streamsets/value")[1] == []


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/streamsets/value", 405), ("GET", "/nothing", 404)])
def test_what_leads_nowhere_is_refused_in_the_frameworks_words(method: str, path: str, status: int) -> None:
    """The body has a Message, no Errors."""
    with pytest.raises(Refused) as caught:
        ROUTER.find(method, path)
    assert caught.value.status == status
    assert list(caught.value.body) == ["Message"]


def test_refusals_carry_their_text_in_errors() -> None:
    """The body of an error is what the vendor documents."""
    made = {call.bad_request: 400, call.not_found: 404, call.conflict: 409}
    for make, status in made.items():
        assert (make("why").status, make("why").body) == (status, {"Errors": ["why"]})
