# SPDX-License-Identifier: BSD-2-Clause
"""What a document names must exist: what its links lead to, files, functions, programs and their options."""
import re
import subprocess
from pathlib import Path

TOP = r"(?:include|src|tests|docs|examples|stress|tools|bench|scripts|python|models)"
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
IN_TREE = re.compile(rf"^{TOP}/[\w.*/+-]+$")
SOURCE = re.compile(r"^[\w-]+\.(c|h|py|sh|md)$")
NAME = re.compile(r"\b(?:stoa_[a-z][a-z0-9_]*[a-z0-9]|STOA_[A-Z_]*[A-Z])\b")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]+")


def without_blocks(text):
    return re.sub(r"^ {0,3}(`{3,})[^\n]*\n.*?^ {0,3}\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """As the usual sites make them of headings."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(path.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def dead_links(path):
    for target in LINK.findall(without_blocks(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        file = path.parent / file if file else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def missing_files(path, root, own):
    """Files that the text names: paths from the root, and bare names of sources.  `own` are the document's."""
    sources = {file.name for top in ("*", "*/*", "*/*/*") for file in Path(root).glob(top)} | set(own)
    for span in SPAN.findall(without_blocks(path.read_text())):
        word = span.split(":")[0].rstrip("/")
        if IN_TREE.match(word) and not any(Path(root).glob(form) for form in (word, word + ".*")):
            yield word
        elif SOURCE.match(word) and word not in sources:
            yield word


def missing_names(path, root):
    """Functions and constants that the text names: of the public headers, what tests go by, what builds link with."""
    sources = [*(file for top in ("include", "tests") for file in Path(root, top).rglob("*.[ch]"))]
    sources += [Path(root, "meson.build"), *Path(root, "cmake").glob("*")]
    known = set(NAME.findall("".join(file.read_text() for file in sources)))
    yield from sorted(set(NAME.findall(without_blocks(path.read_text()))) - known)


class Programs:
    """What stands in a block that is not run: do its programs exist, and do they know these options?"""

    def __init__(self, root, build):
        self.root, self.build, self.helps = Path(root), Path(build), {}
        self.make = set(re.findall(r"^([a-z]+):", (self.root / "Makefile").read_text(), re.MULTILINE))

    def help(self, program, *command):
        if (program, command) not in self.helps:
            asked = [str(program), *command, "--help"]
            done = subprocess.run(asked, capture_output=True, text=True, timeout=100)
            self.helps[program, command] = done.stdout + done.stderr
        return self.helps[program, command]

    def wrong(self, line):
        """What a line of shell has that is not there."""
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        for command in re.split(r"\|\||&&|[|;&]|\$\(", re.sub(r"'[^']*'|\"[^\"]*\"", "X", line)):
            words = [word for word in command.split() if not re.match(r"^[A-Z_]+=", word)] or [""]
            yield from self.wrong_words(words[0], words[1:])

    def wrong_words(self, name, words):
        if name == "make":
            yield from (f"make {word}" for word in words if word.isalpha() and word not in self.make)
        elif "/" in name and not name.startswith(("/", "./", "~", "$", "build")) and not (self.root / name).exists():
            yield name
        places = [self.build / room / Path(name).name for room in ("tools", "stress", "bench", "tests")]
        program = next((place for place in places if name.startswith("stoa") and place.is_file()), None)
        if program:
            given = words[: words.index("--")] if "--" in words else words
            told = self.help(program)
            if given and given[0].isalpha():
                told += self.help(program, given[0])
            options = {option for word in given for option in OPTION.findall(word)}
            yield from (f"{name} {option}" for option in sorted(options) if option not in told)
