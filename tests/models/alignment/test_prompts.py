"""Prompts: a file of one a line, or a world's captions; each mistake is one message."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.builtin import load_builtin
from harness.errors import UsageError
from models.alignment.prompts import LONGEST, read_prompt_file, world_prompts
from models.worlds.scene_captions import EXAMPLE, parse_scene_caption, scene_captions


def written(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_one_prompt_a_line_with_what_is_left_out_counted(tmp_path: Path) -> None:
    found = read_prompt_file(written(tmp_path / "p.txt", "\ufeffa cow\r\n\r\n  a tree \n\t\na cow\n\n\n"))
    assert [(p.text, p.caption, p.where) for p in found.prompts] == [
        ("a cow", "a cow", "line 1"), ("a tree", "a tree", "line 3"), ("a cow", "a cow", "line 5"),
    ]  # fmt: skip
    facts = found.facts
    assert (facts.source, facts.split, facts.count, facts.empty_lines, facts.repeated) == ("p.txt", None, 3, 2, 1)
    assert facts.sha256 == hashlib.sha256(b"a cow\na tree\na cow").hexdigest()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "has no prompt: 0 lines"),
        (b"\n \n\t\n", "has no prompt"),
        (b"a\n\xff\xfeb", "are not UTF-8: byte 2"),
        (b"a\nb\x00c\n", "zero byte"),
        ("b\n" + "a" * (LONGEST + 1), f"line 2: the prompt has {LONGEST + 1} characters"),
        ("a" * 10_000_000, "has 10000000 characters"),
    ],
)
def test_files_that_hold_no_prompts(tmp_path: Path, data: str | bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        read_prompt_file(written(tmp_path / "p.txt", data))
    assert len(str(error.value)) < 400


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: No such file.*Give a number"):
        read_prompt_file(tmp_path / "absent.txt")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_prompt_file(tmp_path)


def test_the_longest_prompt_and_a_hundred_thousand_lines_are_read(tmp_path: Path) -> None:
    lines = ["x" * LONGEST, *(f"prompt {n}" for n in range(100_000))]
    began = time.process_time()
    found = read_prompt_file(written(tmp_path / "p.txt", "\n".join(lines)), "crafter-9x9")
    assert found.facts.count == 100_001
    assert found.facts.repeated == 0
    assert time.process_time() - began < 60  # nothing quadratic


def test_other_separators_of_unicode_end_no_line(tmp_path: Path) -> None:
    text = "one\u2028still one\x0band \x85 one"
    assert [p.text for p in read_prompt_file(written(tmp_path / "p.txt", text)).prompts] == [text]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\n"), max_size=20), max_size=8))
def test_any_text_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = written(tmp_path_factory.mktemp("p") / "p.txt", "\n".join(["first", *lines]))
    assert [p.text for p in read_prompt_file(path).prompts] == ["first", *(t for line in lines if (t := line.strip()))]


def test_metrics_are_told_the_words_that_they_know(tmp_path: Path) -> None:
    path = written(tmp_path / "p.txt", f"{EXAMPLE}\na cow that flies\n")
    scene, other = read_prompt_file(path, "crafter-9x9").prompts
    assert scene.text == EXAMPLE
    assert scene.caption == str(parse_scene_caption(EXAMPLE).base) != EXAMPLE
    assert other.caption == other.text
    assert read_prompt_file(path).prompts[0].caption == EXAMPLE  # a model of no world


def test_captions_of_a_world(shared_cache: Path) -> None:
    load_builtin()
    found = world_prompts("crafter-9x9", "train", 4, 8)
    captions = scene_captions("crafter-9x9", "train", 4, 8)
    assert [(p.text, p.caption) for p in found.prompts] == [(str(c), str(c.base)) for c in captions]
    assert (found.facts.source, found.facts.split, found.facts.count) == ("crafter-9x9", "train", 4)
    assert world_prompts("crafter-9x9", "validation", 4, 8).facts.sha256 != found.facts.sha256
    with pytest.raises(UsageError, match="did you mean 'train'"):
        world_prompts("crafter-9x9", "trane", 4, 8)
    with pytest.raises(UsageError, match="at least 1, not 0"):
        world_prompts("crafter-9x9", "train", 0, 8)
