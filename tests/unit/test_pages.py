"""When following pages stops."""

from __future__ import annotations

import pytest

from beklijf.boundary.pages import MOST, Pages
from beklijf.model.errors import Transient


def test_pages_that_go_on_under_new_links_end_at_the_thousandth() -> None:
    pages = Pages("graph")
    for number in range(1, MOST):
        pages.turn([{"id": f"e{number}"}], f"link{number}")

    with pytest.raises(Transient, match="more than 1000 pages"):
        pages.turn([], "one more")


def test_the_thousandth_page_may_be_the_last() -> None:
    pages = Pages("graph")
    for number in range(1, MOST):
        pages.turn([], f"link{number}")

    pages.turn([], "")


def test_a_page_that_differs_in_an_etag_alone_is_another_one() -> None:
    pages = Pages("graph")
    pages.turn([{"id": "e", "@odata.etag": "1"}], "a")
    pages.turn([{"id": "e", "@odata.etag": "2"}], "b")

    with pytest.raises(Transient, match="the same page comes twice"):
        pages.turn([{"id": "e", "@odata.etag": "2"}], "c")


def test_a_link_that_leads_back_is_no_way_on() -> None:
    pages = Pages("google")
    pages.turn([], "a")
    pages.turn([], "b")

    with pytest.raises(Transient, match="leads back"):
        pages.turn([], "a")
