# SPDX-License-Identifier: BSD-2-Clause
"""Stubs say what is there, and nothing else."""

import ast
import importlib
import inspect
import types
from pathlib import Path

import pytest

import stoa

HERE = Path(stoa.__file__).parent
MODULES = sorted(stub.stem for stub in HERE.glob("*.pyi"))
INTERNAL = {"at", "footprint"}  # without an underscore, as the package's modules call them


def parsed(module):
    return ast.parse((HERE / f"{module}.pyi").read_text()).body


def is_public(name):
    return not name.startswith("_") and not name.isupper()  # constants are the modules' own


def declared(body):
    """Names, each with the statements that declare it."""
    names = {}
    for node in body:
        found = []
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found = [node.name]
        elif isinstance(node, ast.AnnAssign):
            found = [node.target.id]
        elif isinstance(node, ast.Assign):
            found = [target.id for target in node.targets if target.id != "__all__"]
        elif isinstance(node, ast.ImportFrom):
            found = [alias.asname for alias in node.names if alias.asname == alias.name]
        for name in found:
            names.setdefault(name, []).append(node)
    return {name: nodes for name, nodes in names.items() if is_public(name)}


def offered(module):
    """Public names of a module of the package."""
    if module is stoa:
        return {name for name in dir(module) if not isinstance(getattr(module, name), types.ModuleType)}
    if hasattr(module, "__all__"):
        return set(module.__all__)
    things = vars(module).items()
    return {name for name, thing in things if getattr(thing, "__module__", None) == module.__name__}


def imported(module):
    return stoa if module == "__init__" else importlib.import_module(f"stoa.{module}")


def is_alias(body):
    return any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in body)


OWN = [module for module in MODULES if not is_alias(parsed(module))]


def test_each_module_has_a_stub():
    public = {file.stem for file in HERE.glob("*.py") if is_public(file.stem)}
    assert public <= set(MODULES) and "__init__" in MODULES and (HERE / "py.typed").exists()


@pytest.mark.parametrize("module", OWN)
def test_a_stub_has_the_names_of_its_module(module):
    ours = {name for name in offered(imported(module)) if is_public(name)}
    stub = set(declared(parsed(module)))
    assert ours - stub == set(), "in the module alone"
    missing = {name for name in stub if not hasattr(imported(module), name)}
    assert missing == set(), "in the stub alone"
    if module == "__init__":
        assert stub == ours


def classes():
    for module in OWN:
        body = parsed(module)
        for name, (node, *_) in declared(body).items():
            if isinstance(node, ast.ClassDef):
                yield pytest.param(body, node, getattr(imported(module), name), id=f"{module}.{name}")


def members(body, node):
    """What a class and the classes of the same stub that it is made of declare."""
    bases = {n.name: n for n in body if isinstance(n, ast.ClassDef)}
    names = declared(node.body)
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(base, ast.Name) and base.id in bases:
            names = members(body, bases[base.id]) | names
    return names


def is_set(name, class_):
    """Whether a function of the class has to do with that attribute."""
    things = [thing for base in class_.__mro__ for thing in vars(base).values()]
    functions = [thing for thing in things if isinstance(thing, types.FunctionType)]
    return name in getattr(class_, "__annotations__", ()) or any(name in f.__code__.co_names for f in functions)


@pytest.mark.parametrize("body, node, class_", classes())
def test_a_class_has_the_members_of_its_stub(body, node, class_):
    stub = members(body, node)
    assert [name for name in stub if not hasattr(class_, name) and not is_set(name, class_)] == []
    ours = {name for base in class_.__mro__ if base.__module__.startswith("stoa") for name in vars(base)}
    assert {name for name in ours if is_public(name)} - set(stub) - INTERNAL == set()


def functions():
    for module in OWN:
        for name, nodes in declared(parsed(module)).items():
            thing = getattr(imported(module), name)
            if isinstance(nodes[0], ast.FunctionDef):
                yield pytest.param(nodes, thing, id=f"{module}.{name}")
            elif isinstance(nodes[0], ast.ClassDef):
                for method, nodes_ in declared(nodes[0].body).items():
                    if isinstance(getattr(thing, method, None), types.FunctionType):
                        yield pytest.param(nodes_, getattr(thing, method), id=f"{module}.{name}.{method}")


def parameters(node):
    given = node.args
    args = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [arg.arg for arg in args if arg]


def defaults(node):
    return len(node.args.defaults) + sum(default is not None for default in node.args.kw_defaults)


@pytest.mark.parametrize("nodes, function", functions())
def test_a_function_has_the_parameters_of_its_stub(nodes, function):
    ours = inspect.signature(function).parameters
    for node in nodes:  # overloads
        assert parameters(node) == list(ours)
    assert max(map(defaults, nodes)) == sum(p.default is not p.empty for p in ours.values())
