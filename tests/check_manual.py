#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the docstrings of the public headers, and the manual pages that are made from them.

    check_manual.py ROOT [PAGES]

PAGES is where the build has put the pages of sections 3 and 7, if it has made them.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

ROOT = Path(sys.argv[1])
PAGES = Path(sys.argv[2]) if len(sys.argv) > 2 else None
MAN = ROOT / "docs" / "man"
sys.path.insert(0, str(MAN))

from check_support import ok, plan, skip, status  # noqa: E402
from headers import LABELS, Reference  # noqa: E402

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
INLINE = re.compile(r"\bstatic inline \w+ (stoa_\w+?(?:_##SUFFIX)?)\(")
RETURNS = re.compile(r"Returns\b[^:]*:(.*?)(?:\b(?:Callers|Progress|Death)\b[,:]|\Z)", re.DOTALL)
OUTCOMES = "EMPTY|FULL|TIMEOUT|CLOSED|CHANGED|OWNER_DIED"
SEEN = re.compile(r"\\fB([\w\\-]+)\\fR\(([1-8])\)")

def headers(root=ROOT):
    return sorted((root / "include" / "stoa").glob("*.h"))


def public_names():
    """Symbols of the library, and what is defined in the headers; read otherwise than the pages are."""
    text = re.sub(r"#[^\n]*", "", (ROOT / "src" / "libstoa.map").read_text(encoding="utf-8"))
    names = set(re.findall(r"\b(stoa_\w+)\s*;", text))
    for path in headers():
        for name in INLINE.findall(COMMENT.sub("", path.read_text(encoding="utf-8"))):
            names |= {name.replace("##SUFFIX", suffix) for suffix in ("i64", "u64", "f64")}
    return {name for name in names if not re.match(r"stoa_(hot|number)_", name)}


def config_names():
    """Structs and enums that users see."""
    for path in headers():
        for name in re.findall(r"^(?:struct|enum) (stoa_\w+) \{", path.read_text(encoding="utf-8"), re.MULTILINE):
            if not name.startswith("stoa_hot_"):
                yield name


def followed(name):
    """The page of that name; a link's is the one that it links to."""
    path = PAGES / f"{name}.3"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    link = re.fullmatch(r"\.so man3/(\w+)\.3\n", text)
    return followed(link[1]) if link else text


def section(text, title):
    found = re.search(rf"^\.SH {title}$(.*?)(?=^\.SH|\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1].replace("\\-", "-").replace("\\:", "") if found else ""


def errors_missing(reference):
    for family in reference.families:
        said = RETURNS.search(family.docs.text)
        shown = section(followed(family.name), "RETURN VALUE")
        for name in re.findall(r"-E[A-Z0-9]+|\bSTOA_(?:%s)\b" % OUTCOMES, said[1] if said else ""):
            if name not in shown:
                yield f"{family.name}: {name}"


def real_pages():
    for path in sorted(PAGES.glob("*.[37]")):
        if not path.read_text(encoding="utf-8").startswith(".so "):
            yield path


def dead_ends():
    """Pages that are mentioned, and not there."""
    for path in real_pages():
        for name, number in set(SEEN.findall(path.read_text(encoding="utf-8"))):
            name = name.replace("\\", "")
            there = MAN / f"{name}.1.scd" if number == "1" else PAGES / f"{name}.{number}"
            if name.startswith("stoa") and not there.exists():
                yield f"{path.name}: {name}({number})"


def warnings():
    for path in real_pages():
        run = subprocess.run(
            ["groff", "-Kutf8", "-t", "-man", "-Tutf8", "-ww", "-z", path],
            capture_output=True,
            text=True,
            check=False,
        )
        yield from (f"{path.name}: {line}" for line in run.stderr.splitlines())


def complaint(change):
    """What is said of headers of which one was changed, and whether that was a failure."""
    with tempfile.TemporaryDirectory(prefix="stoa-manual.") as work:
        shutil.copytree(ROOT / "include", Path(work) / "include")
        path = Path(work) / "include" / "stoa" / "value.h"
        text = path.read_text(encoding="utf-8")
        changed = change(text)
        path.write_text(changed, encoding="utf-8")
        command = [sys.executable, MAN / "functions.py", "--scdoc", "false", "--version", "0", "--into", work]
        run = subprocess.run(command + headers(Path(work)), capture_output=True, text=True, check=False)
        return run.stderr if run.returncode and changed != text else ""


def uncomplained():
    """Docstrings that lack something, and nobody says so."""
    for label in LABELS:
        if f"stoa_value_load has no {label}" not in complaint(lambda text: without(text, label)):
            yield f"no {label}"
    bare = "STOA_API int stoa_value_more(void);\n\nstruct stoa_value_config {"
    if "more has no docstring" not in complaint(lambda text: text.replace("struct stoa_value_config {", bare)):
        yield "no docstring"


def without(text, label):
    """Without that line of stoa_value_load()."""
    start = text.index(" * Reads the value, whole.")
    end = text.index("*/", start)
    return text[:start] + re.sub(rf"\b{label}: ", "", text[start:end]) + text[end:]


def check_pages(reference):
    names, types, pages = public_names(), set(config_names()), list(real_pages())
    ok("every public function has a page", sorted(n for n in names if n not in followed(n)), names)
    ok("every struct and enum has one", sorted(n for n in types if f" {n}\n" not in followed(n)), types)
    ok("every error of a docstring is in the page", list(errors_missing(reference)), reference.families)
    ok("every page that is mentioned is there", sorted(set(dead_ends())), pages)
    lost = {"stoa.7", "stoa-guarantees.7", "stoa-layout.7"} - {path.name for path in pages}
    ok("the overview, the guarantees and the layout are there", sorted(lost))
    sentence = "every page is shown without a warning"
    if shutil.which("groff"):
        ok(sentence, list(warnings()), pages)
    else:
        skip(sentence, "groff is missing")


def main():
    plan(8 if PAGES else 2)
    reference = Reference(headers())
    ok("every public function says what it returns, who calls it, its progress, its death", reference.faults)
    ok("a docstring that lacks something is a failure", list(uncomplained()))
    if PAGES:
        check_pages(reference)
    return status()


if __name__ == "__main__":
    sys.exit(main())
