#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Manual pages of section 7, from the documents in docs/, so that nothing is written twice.

    markdown.py --scdoc SCDOC --version VERSION --name NAME --about TEXT [--see-also PAGE,...] DOCUMENT[#SECTION] ...
    markdown.py --scdoc SCDOC --version VERSION --page PAGE.scd --root ROOT HEADER ...

The first prints what becomes of documents, or of sections of them, one behind the other.  The second prints a page
that was written as scdoc, in which some lines ask for what is elsewhere:

    @document README.md#Caveats                      a section of a document, without its heading
    @table README.md#Which structure to take         the table in it
    @code examples/counter.c static int count(       the function of a source that begins so
    @conventions                                     what is said at the head of stoa/base.h
    @functions                                       all pages of section 3

It knows of Markdown what these documents use.  A table of more than two columns becomes a list where it would not fit.
"""
import argparse
import re
import sys
import textwrap
from pathlib import Path

sys.dont_write_bytecode = True

import functions  # noqa: E402
from functions import WIDTH  # noqa: E402
from headers import Reference  # noqa: E402
from scd import bold, escape, italic, line, literal, page  # noqa: E402

# Documents that are pages, too.
PAGES = {"guarantees.md": "stoa-guarantees(7)", "layout.md": "stoa-layout(7)"}

SPAN = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\[(?P<link>[^\]]+)\]\((?P<to>[^)\s]+)\)"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|(?<!\w)\*(?P<stress>[^*\s][^*]*)\*"
    r"|(?<!\w)_(?P<under>[^_\s][^_]*)_(?!\w)"
    r"|\b(?P<page>[a-z][a-z_-]+)\((?P<section>[1-8])\)"
    r"|(?P<name>\bSTOA_[A-Z0-9_]+\b|(?<![\w-])-E[A-Z]+\b|\bstoa_[a-z_]+\(\))"
)


def spans(text):
    """A paragraph, in which code, links and the like are set off."""
    done, parts = 0, []
    for span in SPAN.finditer(text):
        parts.append(escape(text[done : span.start()]))
        done = span.end()
        if span["code"]:
            called = re.fullmatch(r"(stoa_\w+)\(\)", span["code"])
            parts.append(reference(called[1] + "(3)") if called else bold(span["code"]))
        elif span["link"]:
            target = PAGES.get(span["to"].split("/")[-1].split("#")[0])
            words = re.sub(r"^[\w-]+\.md$", r"docs/\g<0>", span["link"])
            parts.append(reference(target) if target else spans(words))
        elif span["page"]:
            parts.append(reference(span[0]))
        elif span["name"]:
            name = span["name"]
            parts.append(reference(name[:-2] + "(3)") if name.endswith("()") else bold(name))
        elif span["strong"]:
            parts.append(bold(plain(span["strong"])))
        else:
            parts.append(italic(plain(span["stress"] or span["under"])))
    return "".join(parts) + escape(text[done:])


def reference(name):
    base, section = name.rstrip(")").split("(")
    return f"{bold(base)}({section})"


def cells(row):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def plain(text):
    """Without marks, but for an asterisk that stands for a suffix."""
    return re.sub(r"`|(?<!_)\*", "", text)


def table(rows):
    """Columns, where there is room for the last one, else a list: a term, and what each column says of it."""
    head, lines = cells(rows[0]), [cells(row) for row in rows[2:]]
    widths = [max(len(plain(row[column])) for row in [head] + lines) for column in range(len(head) - 1)]
    if sum(widths) <= WIDTH / 2:
        right = [cell.endswith(":") for cell in cells(rows[1])]
        return literal([text for row in [head] + lines for text in columns(row, widths, right)])
    out = []
    for term, *rest in lines:
        out += [f"*{escape(plain(term))}*"]
        for title, cell in zip(head[1:], rest):
            if cell not in ("–", ""):
                label = f"{italic(title)}: " if len(rest) > 1 else ""
                out += ["\t" + line(label + spans(cell)), ""]
    return out


def columns(row, widths, right):
    """A row, in as many lines as the last column takes.  (tbl would do it, and warns of words that fill a column.)"""
    before = "".join(
        plain(cell).rjust(width) + "  " if at_right else plain(cell).ljust(width) + "  "
        for cell, width, at_right in zip(row, widths, right)
    )
    return textwrap.wrap(
        plain(row[-1]), WIDTH, initial_indent=before, subsequent_indent=" " * len(before), break_long_words=False
    ) or [before.rstrip()]


def convert(text, level=0):
    """Markdown as scdoc; `level` headings are taken away."""
    out, lines, at = [], text.split("\n"), 0
    while at < len(lines):
        here = lines[at]
        heading = re.match(r"(#+) (.*)", here)
        if here.startswith("```"):
            end = lines.index("```", at + 1)
            out += literal(lines[at + 1 : end])
            at = end + 1
        elif heading:
            depth, words = len(heading[1]) - level, re.sub("[`*]", "", heading[2])
            if depth > 0:
                out += ["# " + words.upper() if depth == 1 else "## " + words, ""]
            at += 1
        elif here.startswith("|"):
            end = at
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            out += table(lines[at:end])
            at = end
        elif not here.strip():
            out.append("")
            at += 1
        else:
            end = at + 1
            while end < len(lines) and lines[end].strip() and not re.match(r"#|\||```|- |\d+\. ", lines[end]):
                end += 1
            out += paragraph(lines[at:end])
            at = end
    return out


def paragraph(lines):
    words = " ".join(text.strip().removeprefix("> ") for text in lines)
    item = re.match(r"- |\d+\. ", words)
    if item:
        return [("- " if item[0] == "- " else ". ") + spans(words[item.end() :])]
    if lines[0].startswith("> "):
        return ["\t" + line(spans(words)), ""]
    return [line(spans(words)), ""]


def section_of(text, name):
    """A section with its heading, and how many headings are above that."""
    start = re.search(rf"^(#+) (?:\d+\. )?{re.escape(name)}$", text, re.MULTILINE)
    if not start:
        raise SystemExit(f"there is no section {name}")
    end = re.compile(rf"^#{{1,{len(start[1])}}} ", re.MULTILINE).search(text, start.end())
    return text[start.start() : end.start() if end else len(text)], len(start[1]) - 1


def read(path):
    """A document, without comments."""
    return re.sub(r"<!--.*?-->\n?", "", Path(path).read_text(encoding="utf-8"), flags=re.DOTALL)


def document(where):
    """Of a document all, without its title; of a section all with its heading, as a section of the page."""
    path, _, name = where.partition("#")
    if name:
        return convert(*section_of(read(path), name))
    text = re.sub(r"\A# .*\n", "", read(path)).strip("\n")
    before, heading, rest = text.partition("\n## ")
    return ["# DESCRIPTION", "", *convert(before, 1), "", *convert(heading.strip("\n") + rest, 1)]


def index(headers):
    """All pages of functions, header by header."""
    out = []
    for header in headers.headers:
        pages = [f"{bold(function.name)}(3)" for family in header.families for function in family.functions]
        out += [f"_{escape(header.name)}_", "\t" + ", ".join(pages), ""]
    return out


def source(root, where):
    """A function of a source, from the line that begins so."""
    path, _, first = where.partition(" ")
    text = (root / path).read_text(encoding="utf-8")
    start = text.index("\n" + first) + 1
    return literal(text[start : text.index("\n}\n", start) + 2].replace("\t", "    ").split("\n"))


def asked_for(request, root, headers):
    what, _, where = request.partition(" ")
    if what == "conventions":
        return functions.body(headers.headers[0].head.split("\n\n", 1)[1])
    if what == "functions":
        return index(headers)
    if what == "code":
        return source(root, where)
    path, _, name = where.partition("#")
    text = section_of(read(root / path), name)[0].split("\n", 1)[1]
    if what == "table":
        text = re.search(r"^\|.*?\n(?!\|)", text, re.MULTILINE | re.DOTALL)[0].rstrip("\n")
    return convert(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for option in ("--scdoc", "--version", "--name", "--about", "--see-also", "--page"):
        parser.add_argument(option)
    parser.add_argument("--root", type=Path)
    parser.add_argument("sources", nargs="*")
    arguments = parser.parse_args()

    if arguments.page:
        headers = Reference([Path(header) for header in arguments.sources])
        lines = []
        for text in Path(arguments.page).read_text(encoding="utf-8").split("\n"):
            lines += asked_for(text[1:], arguments.root, headers) if text.startswith("@") else [text]
        lines[0] += f' "stoa {arguments.version}"'
    else:
        lines = [f'{arguments.name}(7) "stoa {arguments.version}"', ""]
        lines += ["# NAME", "", f"{arguments.name} - {arguments.about}", ""]
        for source in arguments.sources:
            lines += document(source)
        pages = [reference(name) for name in arguments.see_also.split(",")]
        lines += ["", "# SEE ALSO", "", ", ".join(pages), ""]
    sys.stdout.write(page(arguments.scdoc, "\n".join(lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
