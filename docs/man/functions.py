#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Manual pages of section 3, from the public headers.

    functions.py --headers DIRECTORY
    functions.py --list HEADER ...
    functions.py --scdoc SCDOC --version VERSION --into DIRECTORY HEADER ...

A page for each docstring, under the name of the first function that it is for; further functions, and the structs
and enums that are described there, are links to it.  It fails where a docstring does not say all that it must.
"""
import argparse
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from headers import Reference, Type, one_line  # noqa: E402
from scd import bold, defined, escape, italic, line, literal, page, sentence  # noqa: E402

HEAD = "the head of this file"
WIDTH = 69  # of a line in a literal block, on a terminal of 80 columns

MARKED = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\b(?P<call>stoa_\w+)\(\)"
    r"|\b(?P<page>[a-z_-]+)\((?P<section>[1-8])\)"
    r"|(?P<name>(?<![\w-])-E[A-Z0-9]+\b|&stoa_now\b|\bSTOA_[A-Z0-9_]+\b|\b(?:enum|struct) stoa_\w+)"
)


def marked(text):
    """Text of a docstring: names are set off."""
    done, parts = 0, []
    for mark in MARKED.finditer(text):
        parts.append(escape(text[done : mark.start()]))
        if mark["code"]:
            parts.append(italic(mark["code"]))
        elif mark["call"]:
            parts.append(bold(mark["call"]) + "(3)")
        elif mark["page"]:
            parts.append(f"{bold(mark['page'])}({mark['section']})")
        else:
            parts.append(bold(mark["name"]))
        done = mark.end()
    return "".join(parts) + escape(text[done:])


def body(text):
    """Paragraphs, lists, and tables of a name and what it means."""
    out = []
    for block in re.split(r"\n\s*\n", text):
        rows = re.findall(r"^ +(-E[A-Z0-9]+)  +(\S.*)$", block, re.MULTILINE)
        items = re.split(r"(?:^|\n) *- ", block)
        if rows:
            for name, meaning in rows:
                out += defined(bold(name), marked(sentence(meaning)))
        elif len(items) > 1:
            if items[0].strip():
                out += [line(marked(one_line(items[0]))), ""]
            out += ["- " + marked(one_line(item)) for item in items[1:]] + [""]
        elif block.strip():
            out += [line(marked(one_line(block))), ""]
    return out


def split_arguments(text):
    """At its commas, but at none inside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        parts[-1] += character
        if character == "," and depth == 0:
            parts.append("")
    return [part.strip() for part in parts]


def wrapped(function):
    """A prototype, in lines that fit."""
    if not function.called:
        return [f"extern {function.prototype};"]
    start, rest = function.prototype.split("(", 1)
    arguments = split_arguments(rest[: rest.rindex(")")])
    arguments[-1] += ");"
    start += "("
    indent = len(start)
    if any(indent + len(argument) > WIDTH for argument in arguments):
        indent = 8
        start += "\n"
    lines = start.split("\n")
    for argument in arguments:
        pieces = [argument]
        if indent + len(argument) > WIDTH:  # a function's, with arguments of its own
            pieces = re.split(r"(?<=,) ", argument)
        for depth, piece in enumerate(pieces):
            before = lines[-1] or " " * indent
            space = "" if before.endswith(("(", " ")) else " "
            if len(before + space + piece) <= WIDTH and not depth:
                lines[-1] = before + space + piece
            else:
                lines.append(" " * (indent + 8 * depth) + piece)
    return lines


def synopsis(family):
    inline = "inline" in family.functions[0].header
    lines = [f"#include <{'stoa/inline.h' if inline else 'stoa.h'}>", ""]
    for function in family.functions:
        lines += wrapped(function)
    return literal(lines)


def type_section(kind):
    out = [f"## {kind.kind} {kind.name}", ""] + body(kind.said)
    plain = [bold(what) for what, words in kind.members if not words]
    for what, words in kind.members:
        if words:
            out += defined(bold(what), marked(sentence(words)))
    if plain:
        out += [", ".join(plain), ""]
    return out


def return_value(reference, family):
    out, paragraph = [], []

    def end_paragraph(last="."):
        if paragraph:
            out.extend([line(marked(sentence("; ".join(paragraph) + last))), ""])
            paragraph.clear()

    for names, words, more in reference.answers(family):
        if names:
            end_paragraph()
            out += defined(", ".join(map(bold, names)), marked(sentence(words)))
        else:
            paragraph.append(words)
            if more:
                end_paragraph(":")
    end_paragraph()
    return out


def see_also(reference, family):
    """Pages of what is spoken of on this one, of its arguments, and of where its handle comes from."""
    spoken = [family.docs.said, *filter(None, family.docs.fields.values()), notes(reference, family)]
    spoken += [str(kind.members) for kind in reference.types_of(family)]
    spoken += [function.prototype for function in family.functions]
    spoken = " ".join(spoken)
    pages = {(name, section) for name, section in re.findall(r"\b([a-z_]+)\(([1-8])\)", spoken)}
    pages |= {(name, "3") for name in re.findall(r"\b(stoa_\w+)\(\)", spoken)}
    for kind in reference.types:
        names = kind.names() + [kind.name]
        if kind.name != "stoa_outcome" and re.search(rf"\b(?:{'|'.join(names)})\b", spoken):
            pages.add((reference.home[kind.name].name, "3"))
    for function in family.functions:
        pages |= {(function.name + "_inline", "3"), (function.name.removesuffix("_inline"), "3")}
        for handle in re.findall(r"\((?:const )?struct (stoa_\w+) \*", function.prototype):
            pages |= {(handle + "_create", "3"), (handle + "_open", "3")}
        if "deadline" in function.prototype:
            pages.add(("stoa_deadline", "3"))
    others = set(reference.family_of) - {function.name for function in family.functions}
    pages = {(name, section) for name, section in pages if name in others or not name.startswith("stoa_")}
    pages |= {("stoa", "7"), ("stoa-guarantees", "7")}
    return ", ".join(f"{bold(name)}({section})" for name, section in sorted(pages, key=lambda p: p[::-1]))


def creators(reference, family):
    """The header of a family, and its functions that create something."""
    header = next(h for h in reference.headers if family in h.families)
    return header, [f for f in header.families if f.name.endswith("_create")]


def head_of(reference, family):
    """Where the head of the header is to be read."""
    creator = creators(reference, family)[1]
    if notes(reference, family) or not creator:
        return "*NOTES*"
    return f"*NOTES* of {bold(creator[0].name)}(3)"


def notes(reference, family):
    """The head of a header: where its structures are created, or with all of it."""
    header, creator = creators(reference, family)
    if header.name == "stoa/base.h" or (creator and family not in creator):
        return ""
    return header.head


def write(reference, family, version):
    names = ", ".join(escape(f.name) for f in family.functions)
    out = [f'{family.name}(3) "stoa {version}" "Library Functions"', ""]
    out += ["# NAME", "", f"{names} - {escape(family.docs.summary())}", ""]
    out += ["# LIBRARY", "", "stoa (_libstoa_, *-lstoa*; *pkg-config --cflags --libs stoa*)", ""]
    out += ["# SYNOPSIS", "", *synopsis(family)]
    out += ["# DESCRIPTION", "", *body(family.docs.said)]
    types = reference.types_of(family)
    if types:
        out += ["# TYPES", ""]
        for kind in types:
            out += type_section(kind)
    if family.functions[0].called:
        out += ["# RETURN VALUE", "", *return_value(reference, family)]
        out += ["# ATTRIBUTES", ""]
        for label in ("Callers", "Progress", "Death"):
            out += defined(bold(label), marked(sentence(reference.field(family, label))))
    if notes(reference, family):
        out += ["# NOTES", "", *body(notes(reference, family))]
    out += ["# SEE ALSO", "", see_also(reference, family), ""]
    return "\n".join(out).replace(HEAD, head_of(reference, family))


def links(reference):
    """Of each name that has no page of its own: the page that it is on."""
    found = {}
    for family in reference.families:
        for thing in family.functions[1:] + reference.types_of(family):
            if not isinstance(thing, Type) or thing.name not in reference.family_of:
                found[thing.name] = family.name
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--headers", type=Path)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--scdoc")
    parser.add_argument("--version")
    parser.add_argument("--into", type=Path)
    parser.add_argument("sources", type=Path, nargs="*")
    arguments = parser.parse_args()

    if arguments.headers:
        print("\n".join(map(str, sorted(arguments.headers.glob("*.h")))), end="")
        return 0
    reference = Reference(arguments.sources)
    if arguments.list:
        print("\n".join(sorted([f.name for f in reference.families] + list(links(reference)))))
        return 0
    if reference.faults:
        print("\n".join(reference.faults), file=sys.stderr)
        return 1
    for family in reference.families:
        shown = page(arguments.scdoc, write(reference, family, arguments.version))
        (arguments.into / f"{family.name}.3").write_text(shown, encoding="utf-8")
    for name, target in links(reference).items():
        (arguments.into / f"{name}.3").write_text(f".so man3/{target}.3\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
