"""The README: its length, its links in the repository, and in the built metadata."""

from __future__ import annotations

import re
import shutil
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest

from running import REPOSITORY, run_python

README = (REPOSITORY / "README.md").read_text()
ADDRESS = "https://example.org/owner/facegen"
BUILD = "from setuptools.build_meta import prepare_metadata_for_build_wheel as build; build('.')"


def link_targets(text: str) -> list[str]:
    """Where the links and pictures of a Markdown text lead."""
    return re.findall(r"\]\(([^)]*)\)", text) + re.findall(r"(?:src|href)=\"([^\"]*)\"", text)


def metadata(folder: Path, *, url: str = "") -> Message:
    """What `pip install .` would write about facegen, with the owner's setting filled or not."""
    for name in ("README.md", "LICENSE", "setup.py", "setup.cfg", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    for name in ("facegen", "weights"):
        (folder / name).symlink_to(REPOSITORY / name)
    if url:
        settings = (folder / "setup.cfg").read_text()
        (folder / "setup.cfg").write_text(
            settings.replace("[metadata]\n", f"[metadata]\nurl = {url}\n")
        )
    done = run_python("-W", "ignore", "-c", BUILD, cwd=folder)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.dist-info/METADATA")
    return BytesParser().parsebytes(path.read_bytes())


def test_the_readme_is_short():
    assert 150 <= len(README.splitlines()) <= 250


def test_every_link_of_the_readme_leads_somewhere():
    targets = link_targets(README)
    assert len(targets) > 20
    missing = [
        target
        for target in targets
        if not target.startswith("https://") and not (REPOSITORY / target).exists()
    ]
    assert missing == []


def test_no_code_of_the_reference_begins_or_ends_in_the_middle_of_other_code():
    pages = "\n".join(page.read_text() for page in (REPOSITORY / "docs" / "cli").glob("*.md"))
    lines = re.sub(r"```.*?```", "", pages, flags=re.S).splitlines()
    spans = [span for line in lines for span in re.findall(r"`([^`]*)`", line)]
    assert len(spans) > 300
    assert [span for span in spans if not span or span != span.strip()] == []


def test_the_metadata_tell_the_codes_licence_from_the_default_models(tmp_path: Path):
    pytest.importorskip("setuptools", "77.0.3")
    built = metadata(tmp_path)
    assert built["License-Expression"] == "MIT AND LicenseRef-CelebA-noncommercial-research"
    assert built.get_all("License-File") == ["LICENSE", "weights/LICENSE"]
    assert (
        (REPOSITORY / "weights" / "LICENSE")
        .read_text()
        .startswith("LicenseRef-CelebA-noncommercial-research: ")
    )


@pytest.mark.parametrize("url", ["", ADDRESS])
def test_no_link_in_the_built_metadata_is_relative(url: str, tmp_path: Path):
    built = metadata(tmp_path, url=url)
    description = str(built.get_payload())
    assert "28 people who don't exist" in description
    assert built["Description-Content-Type"] == "text/markdown"
    targets = link_targets(description)
    if url:
        assert len(targets) == len(link_targets(README))
        assert f"{ADDRESS}/raw/HEAD/docs/gallery/normal.png" in targets
        assert f"{ADDRESS}/blob/HEAD/docs/training.md" in targets
        assert f"{ADDRESS}/tree/HEAD/examples/" in targets
    assert [target for target in targets if not target.startswith("https://")] == []
