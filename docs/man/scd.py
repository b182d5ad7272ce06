# SPDX-License-Identifier: BSD-2-Clause
"""Writes scdoc: what several of the scripts here need to do so."""
import re
import subprocess

# At the beginning of a line these would be more than a character.
SPECIAL_FIRST = "#-.;|[]:"


def escape(text):
    """Text as it is."""
    return re.sub(r"[\\*_+]", r"\\\g<0>", text)


def line(text):
    """A line of scdoc that begins with what is in the text."""
    return "\\" + text if text[:1] in SPECIAL_FIRST else text


def bold(text):
    return f"*{escape(text)}*"


def italic(text):
    return f"_{escape(text)}_"


def literal(lines):
    """A block that is shown as it is."""
    return ["```", *(text.replace("\\", "\\\\") for text in lines), "```", ""]


def defined(term, text):
    """A term, and what it means behind it."""
    return [term, "\t" + line(text), ""]


def sentence(text):
    """With a capital letter, if it is a word's, and a full stop."""
    text = text.strip()
    if re.match(r"(?!enum |struct )[a-z][a-z'-]*(?:[ ,.:;]|$)", text):
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", ":", "!", "?")) else text + "."


def page(scdoc, text):
    """What scdoc makes of a page."""
    # Blank lines side by side are an error there.
    text = re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"
    run = subprocess.run([scdoc], input=text, capture_output=True, text=True, check=False)
    if run.returncode:
        where = re.search(r"at (\d+)", run.stderr)
        shown = text.split("\n")[int(where[1]) - 1] if where else ""
        raise SystemExit(f"scdoc: {run.stderr.strip()}: {shown}")
    # The title's macro turns hyphenation on again; and no name is to be taken apart, or to have a typographic hyphen,
    # nor is what is shown as it is.
    shown = re.sub(r"^\.TH .*\n", r"\g<0>.nh\n", run.stdout, count=1, flags=re.MULTILINE)
    exact = re.compile(r"\\fB.*?\\fR|^\.nf$.*?^\.fi$", re.DOTALL | re.MULTILINE)
    shown = exact.sub(lambda part: re.sub(r"(?<!\\)-", r"\\-", part[0]), shown)
    # But sentences that are names of tests have to be broken somewhere.
    return re.sub(r"\w{40,}", lambda name: name[0].replace("_", r"_\:"), shown)
