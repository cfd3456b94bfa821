"""Inside a student's kernel: put back what tests rely on before each of them, and name what was replaced.

A submission can replace `np.allclose`, the comparison functions of this package, a built-in function, or parts of the kernel,
so that tests pass. This module keeps the originals. It is no protection against code that searches for it: a grade is
evidence, not proof.
"""

import builtins
import importlib
import linecache
import os
import sys
import threading
import types
from typing import Any

from ipe_sr.coursework import answers

NO_TESTS = ("matplotlib", "IPython")   # they exchange functions of their own while they work, and no test compares with them
MOST = 8   # names in a report
_modules: dict[str, dict[str, Any]] = {}    # name of a module -> its functions and classes
_codes: dict[types.FunctionType, tuple] = {}
_classes: dict[type, dict[str, Any]] = {}
_instances: dict[int, dict[str, Any]] = {}
_given: dict[str, Any] = {}                 # names of the notebook that locked cells define
_set_aside: dict[str, Any] = {}             # names of the notebook that hide built-in functions
_lists: dict[str, tuple[list, list]] = {}
_student: list[str | None] = []
_lines: set[str] = set()


def arm(modules: list[str]) -> list[str]:
    """Import these modules and note what they hold. Call this before any code of a student runs."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception:   # the cell that imports it will say so
            continue
    roots = {name.split(".")[0] for name in modules} - set(NO_TESTS) | {"builtins", "ipe_sr"}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in roots and isinstance(module, types.ModuleType):
            _modules[name] = {key: value for key, value in vars(module).items() if callable(value)}
    for name in ("ipe_sr.coursework", "ipe_sr.coursework.answers"):
        for value in vars(sys.modules[name]).values():
            if isinstance(value, types.FunctionType):
                _codes[value] = (value.__code__, value.__defaults__, value.__kwdefaults__)
    shell = _shell()
    for part in (shell, shell.kernel):
        _instances[id(part)] = {name: value for name, value in vars(part).items() if callable(value)}
        _classes.update({kind: dict(vars(kind)) for kind in type(part).__mro__ if kind is not object})
    _lists.update({name: (found, list(found)) for name, found in _hooks(shell).items()})
    _student.append(os.environ.get(answers.STUDENT))
    return []


def keep(names: list[str]) -> list[str]:
    """Note the values that a locked cell has just given to these names."""
    space = _shell().user_ns
    _given.update({name: space[name] for name in names if name in space})
    return []


def restore(needed: list[str]) -> list[str]:
    """Put the originals back; returns what was replaced.   needed: names of built-in functions that the next test uses."""
    shell = _shell()
    replaced = _shell_parts(shell) + _module_parts()
    space = shell.user_ns
    for name, value in _given.items():
        if space.get(name, _given) is not value:
            space[name] = value
            replaced.append(name)
    for name in needed:
        if name in space and name not in _given:
            _set_aside[name] = space.pop(name)
            replaced.append(name)
    if os.environ.get(answers.STUDENT) != _student[0]:
        os.environ[answers.STUDENT] = _student[0] or ""
        replaced.append("the student's id")
    sys.settrace(None)
    sys.setprofile(None)
    threading.settrace(None)
    shell.set_custom_exc((), None)
    _lines.clear()
    _lines.update(linecache.cache)
    return replaced[:MOST]


def release(hidden: list[str]) -> list[str]:
    """After a test: give back the names that were set aside. If the test was hidden, its source is forgotten."""
    _shell().user_ns.update(_set_aside)
    _set_aside.clear()
    if hidden:
        for name in set(linecache.cache) - _lines:
            linecache.cache.pop(name, None)
    return []


def _shell() -> Any:
    from ipykernel.zmqshell import ZMQInteractiveShell

    return ZMQInteractiveShell.instance()


def _hooks(shell: Any) -> dict[str, list]:
    """The lists of functions through which code passes before and after it runs."""
    manager = shell.input_transformer_manager
    found = {name: getattr(manager, name) for name in ("cleanup_transforms", "line_transforms", "token_transformers")}
    found |= {"input_transformers_post": shell.input_transformers_post, "ast_transformers": shell.ast_transformers}
    return found | {f"the event {name}": listeners for name, listeners in shell.events.callbacks.items()}


def _module_parts() -> list[str]:
    """Put functions and classes of modules back."""
    replaced = []
    for name, members in _modules.items():
        module = sys.modules.get(name)
        if module is None:
            continue
        space = vars(module)
        for key, value in members.items():
            if space.get(key) is not value:
                space[key] = value
                replaced.append(f"{name}.{key}" if module is not builtins else key)
    for function, parts in _codes.items():
        if (function.__code__, function.__defaults__, function.__kwdefaults__) != parts:
            function.__code__, function.__defaults__, function.__kwdefaults__ = parts
            replaced.append(function.__qualname__)
    return replaced


def _shell_parts(shell: Any) -> list[str]:
    """Put the kernel's own methods and lists back."""
    replaced = []
    for part in (shell, shell.kernel):
        own = _instances[id(part)]
        for name, value in list(vars(part).items()):
            if callable(value) and hasattr(type(part), name) and own.get(name) is not value:
                del vars(part)[name]
                vars(part).update({name: own[name]} if name in own else {})
                replaced.append(f"the kernel's {name}")
    for kind, members in _classes.items():
        for name, value in members.items():
            if isinstance(value, types.FunctionType) and vars(kind).get(name) is not value:
                setattr(kind, name, value)
                replaced.append(f"{kind.__name__}.{name}")
        added = {name for name, value in vars(kind).items() if isinstance(value, types.FunctionType)} - members.keys()
        for name in sorted(added):
            delattr(kind, name)   # it hides a method of a base class
            replaced.append(f"{kind.__name__}.{name}")
    now = _hooks(shell)
    for name, (found, members) in _lists.items():
        if now.get(name) is not found or found != members:
            found[:] = members
            _put_back(shell, name, found)
            replaced.append(name)
    return replaced


def _put_back(shell: Any, name: str, found: list) -> None:
    if name.startswith("the event "):
        shell.events.callbacks[name.removeprefix("the event ")] = found
    else:
        setattr(shell if hasattr(type(shell), name) or name == "input_transformers_post" else shell.input_transformer_manager,
                name, found)
