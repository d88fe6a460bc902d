"""Files of prompts: every video has one, every prompt has a video, and what is amiss is said in one line."""

from __future__ import annotations

import json

import pytest

from harness.errors import UsageError
from harness.scoring.prompts import read_prompts

VIDEOS = ["a.mkv", "sub/b.mkv"]


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.txt", "a cow\na tree\n\n"),
        ("p.json", json.dumps({"a.mkv": "a cow", "b": "a tree"})),
        ("p.json", json.dumps({"a": "a cow", "sub/b.mkv": " a tree "})),
        ("p.csv", "video,prompt,seed\na.mkv,a cow,1\nsub/b.mkv,a tree,2\n"),
        ("p.txt", "\ufeffa cow\na tree"),
    ],
)
def test_every_form_gives_the_same(name, content, tmp_path):
    assert read_prompts(write(tmp_path, name, content), VIDEOS) == {"a.mkv": "a cow", "sub/b.mkv": "a tree"}


def test_videos_that_are_named_by_their_prompt_find_it(tmp_path):
    path = write(tmp_path, "p.txt", "a cow\na tree\nunused\n")
    found = read_prompts(path, ["a cow-0.mp4", "a cow-1.mp4", "a tree_0.mp4"])
    assert list(found.values()) == ["a cow", "a cow", "a tree"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", "one\ntwo\nthree\n", "has 3 prompts, and there are 2 videos"),
        ("p.txt", "one\n", "has 1 prompts, and there are 2 videos"),
        ("p.txt", "", "the file is empty"),
        ("p.txt", "one\n\nthree\n", "line 2 is empty"),
        ("p.txt", b"caf\xe9\nb\n", "are not UTF-8: byte 3"),
        ("p.json", "[", "is no JSON"),
        ("p.json", '["a"]', "does not map names to prompts"),
        ("p.json", '{"a.mkv": "a cow"}', "has no prompt for the video 'sub/b.mkv'"),
        ("p.json", '{"a.mkv": "a cow", "b": "  "}', "the prompt of 'b' is empty"),
        ("p.json", '{"a.mkv": "c", "b": "d", "e.mkv": "f"}', "prompts for 1 videos that are not there: e.mkv"),
        ("p.csv", "file,text\n", "has file, text; it needs the columns video and prompt"),
        ("p.csv", "video,prompt\na.mkv,x\na.mkv,y\n", "names 'a.mkv' twice"),
        ("p.yaml", "a: b", "are no .txt, .json, .csv file"),
    ],
)
def test_what_is_amiss_is_said(name, content, said, tmp_path):
    with pytest.raises(UsageError) as error:
        read_prompts(write(tmp_path, name, content), VIDEOS)
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_prompts(tmp_path / "none.txt", VIDEOS)
