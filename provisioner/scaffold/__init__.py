"""The project that ``provisioner new-plugin`` writes: the files below ``project``, with their places filled in."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from string import Template

import attrs

#: What the files are called here, so that nobody takes them for a part of the product.
SUFFIX = ".txt"


@attrs.frozen
class Project:
    """A project for the plug-in *name*, which is an identifier in lower case."""

    name: str

    @property
    def package(self) -> str:
        """The import package."""
        return f"provisioner_{self.name}"

    @property
    def distribution(self) -> str:
        """What is installed."""
        return f"provisioner-{self.name.replace('_', '-')}"

    def files(self) -> Iterator[tuple[PurePosixPath, str]]:
        """Yield each file: its path in the project, and its content."""
        places = {
            "name": self.name,
            "package": self.package,
            "distribution": self.distribution,
            "title": "".join(word.capitalize() for word in self.name.split("_")),
            "version": version("unit-provisioner"),
        }
        for path, file in _templates(resources.files(__name__) / "project", PurePosixPath()):
            parts = [part.replace("package", self.package) for part in path.parts]
            yield PurePosixPath(*parts), Template(file.read_text(encoding="utf-8")).substitute(places)


def _templates(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.is_dir():
            yield from _templates(file, path / file.name)
        else:
            yield path / file.name.removesuffix(SUFFIX), file
