"""The four packages have common names: one that hides ours is refused."""

from __future__ import annotations

import pytest

from harness.cli.rooms import check_rooms
from harness.errors import DiptychError


def test_the_tree_is_whole():
    check_rooms()


@pytest.mark.parametrize("with_init", [True, False])
def test_a_package_that_hides_ours_is_refused_with_both_paths(diptych, plugin, tmp_path, with_init):
    stranger = tmp_path / "elsewhere" / "models"
    stranger.mkdir(parents=True)
    if with_init:
        (stranger / "__init__.py").touch()
    said = diptych("list", "suites", PYTHONPATH=f"{stranger.parent}:{plugin}")
    if with_init:
        assert said.code == 1
        assert said.out == ""
        assert str(stranger) in said.err
        assert said.err.count("models") >= 2
        assert "Traceback" not in said.err
    else:  # Python prefers a package with __init__.py anywhere on the path to a folder without
        assert said.code == 0


def test_a_missing_room_is_named(tmp_path):
    with pytest.raises(DiptychError, match="'harness' of diptych is"):
        check_rooms(tmp_path)
