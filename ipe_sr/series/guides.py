"""The guides of a checkout as pages of the site, and links between pages, which are written for the repository.

A guide links to files of the repository by relative paths. On the site, a link to a file that has a page leads to that page,
and a link to any other file becomes plain text.
"""

import os
import posixpath
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

README = "README.md"   # the first page of the site stands for it
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Guide:
    """name: of its page.   path: of its file, from the root of the repository.   purpose: one line for the first page."""

    name: str
    path: str
    title: str
    purpose: str


GUIDES = (
    Guide("package", "ipe_sr/README.md", "The package", "Upscale, evaluate and train, in Python and on the command line."),
    Guide("extending", "ipe_sr/EXTENDING.md", "Extending", "Add an encoding, a decoder or an encoder of your own."),
    Guide("exchange", "ipe_sr/EXCHANGE.md", "Exchange", "Read other people's weights; share and export your own."),
    Guide("weights", "ipe_sr/weights/README.md", "Released weights", "What the released weights are, and what they reach."),
    Guide("notation", "notebooks/notation.md", "Notation", "Each symbol and each term of the notebooks, with one meaning."),
    Guide("bibliography", "notebooks/bibliography.md", "Bibliography", "What the notebooks cite, and what to read next."),
    Guide("syllabus", "notebooks/syllabus.md", "Syllabus", "The series in two, four and eight weeks."),
    Guide("project", "notebooks/project.md", "Project", "A project with milestones and a rubric."),
    Guide("exercises", "notebooks/exercises/README.md", "Teaching", "For instructors: hand out, check and grade exercises."),
    Guide("experiments", "notebooks/experiments/README.md", "Experiments", "Make the paper's tables, here or on a cluster."),
    Guide("data", "data_scripts/README.md", "Data", "Download, verify and prepare data sets."),
)


def found(checkout: Path) -> list[Guide]:
    """The guides that a checkout has."""
    return [guide for guide in GUIDES if (checkout / guide.path).is_file()]


def connect(sphinx: Sphinx, checkout: Path, sources: Mapping[str, str]) -> None:
    """Let Sphinx translate the links and the pictures of the pages that come from the repository.

    checkout: the root of the repository.   sources: name of a page -> path of its file in the repository.
    """
    pages = {path: name for name, path in sources.items()}

    def copy_pictures(app: Sphinx, document: nodes.document) -> None:
        folder = checkout / PurePosixPath(sources.get(app.env.docname, "")).parent
        for picture in document.findall(nodes.image):
            file = folder / unquote(picture["uri"])
            if app.env.docname in sources and file.is_file():
                name = re.sub(r"[^\w.]", "_", os.path.relpath(file, checkout))
                shutil.copy(file, Path(app.srcdir, name))
                picture["uri"] = f"/{name}"   # from the folder of all sources

    def translate_links(app: Sphinx, document: nodes.document, name: str) -> None:
        if name not in sources:
            return
        for link in list(document.findall(nodes.reference)):
            address = urlsplit(link.get("refuri", ""))
            if link.get("internal") or address.scheme or address.netloc:
                continue
            path, heading = _target(sources[name], address.path), address.fragment
            if path not in pages:
                link.replace_self(link.children)
                continue
            page = pages[path]
            if heading and heading not in app.env.metadata[page].get("myst_slugs", {}):
                if path != README:   # the first page has other headings
                    log.warning("the link leads to the heading %r, which %s does not have", heading, path, location=link)
                heading = ""
            link["refuri"] = app.builder.get_relative_uri(name, page) + (f"#{heading}" if heading else "")
            link["internal"] = True

    sphinx.connect("doctree-read", copy_pictures, priority=100)   # before Sphinx collects the pictures
    sphinx.connect("doctree-resolved", translate_links)


def _target(source: str, link: str) -> str:
    """The path that a link in a file means, from the root of the repository. An empty link means the file itself."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), unquote(link))) if link else source
