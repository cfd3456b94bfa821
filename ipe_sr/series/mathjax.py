"""The script that draws formulas: all of MathJax that a page needs in one file, so that no page asks a server for it."""

import importlib.resources

MATHJAX = importlib.resources.files("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-svg.js"
