"""A library that isn't installed is said in words, with the line that installs it."""

from __future__ import annotations

from importlib import import_module

import pytest

from beklijf.backends.extras import named, needed
from beklijf.model.errors import ConfigError


def test_a_library_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigError) as caught, needed("graph", where="mail.kind"):
        import_module("no_such_library.at_all")

    [problem] = caught.value.problems
    assert (problem.where, problem.what, problem.hint) == (
        "mail.kind",
        '"graph" needs the library no_such_library',
        "install beklijf[graph]",
    )


def test_a_module_of_ours_that_is_missing_is_a_defect_and_no_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needed("graph", where="mail.kind"):
        named("beklijf.nowhere:Nothing")
